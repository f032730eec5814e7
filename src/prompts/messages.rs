//! One prompt of a file, in the several ways in which files write them.

use serde_json::{Value, json};

/// The messages of one prompt, as they stand in a request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Messages {
    /// `[{"role":"...","content":"...` and so on: an array in JSON.
    json: Box<str>,
    /// Where the first message's text begins in it: what makes the prompt unique goes there.
    at: usize,
    /// Of all texts together.
    chars: usize,
}

/// Roles that a chat template knows what to do with.
const ROLES: [&str; 5] = ["system", "developer", "user", "assistant", "tool"];

impl Messages {
    /// A prompt by itself, as one message of the user.
    ///
    /// # Errors
    /// It is empty; the server's generation thread would die of it.
    pub fn of_text(text: &str) -> Result<Self, String> {
        Self::of(&[("user".to_owned(), text.to_owned())])
    }

    /// What one line, or one element of an array, holds: a text, `{"prompt": ...}`,
    /// `{"messages": [...]}`, a list of messages, or a `ShareGPT` conversation.
    ///
    /// Of messages all are sent up to the user's last one. Of a conversation the first turn of the
    /// human is, with a system text before it: a later one would have answers of another model in
    /// front of it.
    ///
    /// # Errors
    /// It is none of these, in words.
    pub fn of_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Self::of_text(text),
            Value::Array(list) => Self::of_list(list),
            Value::Object(object) => {
                let list = |name: &str| object.get(name).and_then(Value::as_array);
                if let Some(turns) = list("conversations").or_else(|| list("conversation")) {
                    return Self::of_conversation(turns);
                }
                match (object.get("messages"), object.get("prompt")) {
                    (Some(Value::Array(list)), _) | (None, Some(Value::Array(list))) => {
                        Self::of_list(list)
                    }
                    (None, Some(Value::String(text))) => Self::of_text(text),
                    (Some(_), _) => Err("its `messages` are no list".to_owned()),
                    (None, Some(_)) => Err("its `prompt` is no text".to_owned()),
                    (None, None) => {
                        Err("it has no `prompt`, `messages` or `conversations`".to_owned())
                    }
                }
            }
            _ => Err("it is neither a text, nor an object, nor a list of messages".to_owned()),
        }
    }

    fn of_list(list: &[Value]) -> Result<Self, String> {
        let mut messages = Vec::with_capacity(list.len());
        for message in list {
            let role = message.get("role").and_then(Value::as_str);
            let role = role.ok_or("a message has no `role`")?;
            if !ROLES.contains(&role) {
                return Err(format!(
                    "the role {role:?} is not one of {}",
                    ROLES.join(", ")
                ));
            }
            let text = message
                .get("content")
                .and_then(text_of)
                .ok_or("a message has no text as its `content`")?;
            messages.push((role.to_owned(), text));
        }
        let last = messages.iter().rposition(|(role, _)| role == "user");
        let last = last.ok_or("there is no message of the role `user`")?;
        messages.truncate(last + 1);
        Self::of(&messages)
    }

    fn of_conversation(turns: &[Value]) -> Result<Self, String> {
        let mut messages = Vec::new();
        for turn in turns {
            let part = |names: [&str; 2]| {
                names
                    .iter()
                    .find_map(|name| turn.get(name).and_then(Value::as_str))
            };
            let from = part(["from", "role"]).ok_or("a turn has no `from`")?;
            let text = part(["value", "content"]).ok_or("a turn has no `value`")?;
            match from {
                "system" if messages.is_empty() => {
                    messages.push(("system".to_owned(), text.to_owned()));
                }
                "human" | "user" => {
                    messages.push(("user".to_owned(), text.to_owned()));
                    return Self::of(&messages);
                }
                _ => {}
            }
        }
        Err("its conversation has no turn from `human`".to_owned())
    }

    /// One message of the user, which may be empty: a prefix is put before it.
    pub fn of_user(text: &str) -> Self {
        Self::written(&[("user".to_owned(), text.to_owned())])
    }

    fn of(messages: &[(String, String)]) -> Result<Self, String> {
        if messages.iter().all(|(_, text)| text.trim().is_empty()) {
            return Err("its text is empty".to_owned());
        }
        Ok(Self::written(messages))
    }

    fn written(messages: &[(String, String)]) -> Self {
        let mut json = String::from("[");
        let mut at = 0;
        for (role, text) in messages {
            if json.len() > 1 {
                json.push(',');
            }
            json.push_str("{\"role\":");
            json.push_str(&json!(role).to_string());
            json.push_str(",\"content\":");
            if at == 0 {
                at = json.len() + 1;
            }
            json.push_str(&json!(text).to_string());
            json.push('}');
        }
        json.push(']');
        Self {
            json: json.into(),
            at,
            chars: messages.iter().map(|(_, text)| text.chars().count()).sum(),
        }
    }

    /// The array in JSON, in two parts: what is put between them stands at the start of the first
    /// message.
    pub fn parts(&self) -> (&str, &str) {
        self.json.split_at(self.at)
    }

    /// Characters of all texts.
    pub fn chars(&self) -> usize {
        self.chars
    }

    /// Bytes that it takes.
    pub fn size(&self) -> usize {
        self.json.len()
    }

    /// Role and text of each message.
    pub fn texts(&self) -> Vec<(String, String)> {
        let list: Vec<Value> = serde_json::from_str(&self.json).unwrap_or_default();
        let part = |message: &Value, name: &str| -> String {
            message[name].as_str().unwrap_or_default().to_owned()
        };
        list.iter()
            .map(|message| (part(message, "role"), part(message, "content")))
            .collect()
    }
}

/// A text, or the texts of a list of parts.
fn text_of(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts: Option<Vec<&str>> = parts
                .iter()
                .map(|part| part.get("text").and_then(Value::as_str))
                .collect();
            Some(texts?.join("\n"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(role: &str, text: &str) -> (String, String) {
        (role.to_owned(), text.to_owned())
    }

    #[test]
    fn every_way_of_writing_a_prompt_gives_its_messages() {
        let user = vec![pair("user", "Why?")];
        let system = vec![pair("system", "Be brief."), pair("user", "Why?")];
        for (value, messages) in [
            (json!("Why?"), &user),
            (json!({"prompt": "Why?", "id": 7}), &user),
            (json!([{"role": "user", "content": "Why?"}]), &user),
            (
                json!([{"role": "user", "content": [{"type": "text", "text": "Why?"}]}]),
                &user,
            ),
            (
                json!({"messages": [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": "Why?"},
                    {"role": "assistant", "content": "Because."},
                ]}),
                &system,
            ),
            (
                json!({"id": "a_0", "conversations": [
                    {"from": "system", "value": "Be brief."},
                    {"from": "gpt", "value": "Hello!"},
                    {"from": "human", "value": "Why?"},
                    {"from": "gpt", "value": "Because."},
                    {"from": "human", "value": "And then?"},
                ]}),
                &system,
            ),
        ] {
            let read = Messages::of_value(&value).unwrap();
            assert_eq!(read.texts(), *messages, "{value}");
        }
    }

    #[test]
    fn what_is_put_between_the_parts_begins_the_first_message() {
        let text = "Say \"[\" \\ {\"content\":\"x\"}\nü";
        let read = Messages::of_text(text).unwrap();
        let (before, after) = read.parts();
        let whole: Value = serde_json::from_str(&format!("{before}abc {after}")).unwrap();
        assert_eq!(whole[0]["content"], format!("abc {text}"));
        assert_eq!(read.chars(), text.chars().count());
    }

    #[test]
    fn anything_else_says_what_is_wrong_with_it() {
        for (value, part) in [
            (json!(5), "neither a text"),
            (json!({"question": "Why?"}), "no `prompt`, `messages`"),
            (json!({"prompt": 5}), "`prompt` is no text"),
            (json!({"messages": "Why?"}), "`messages` are no list"),
            (json!("  \n"), "is empty"),
            (json!([{"role": "user"}]), "no text as its `content`"),
            (json!([{"content": "Why?"}]), "no `role`"),
            (
                json!([{"role": "boss", "content": "Why?"}]),
                "\"boss\" is not one of",
            ),
            (
                json!([{"role": "assistant", "content": "Hi"}]),
                "no message of the role `user`",
            ),
            (
                json!({"conversations": [{"from": "gpt", "value": "Hi"}]}),
                "no turn from `human`",
            ),
        ] {
            let error = Messages::of_value(&value).unwrap_err();
            assert!(error.contains(part), "{value}: {error}");
        }
    }
}
