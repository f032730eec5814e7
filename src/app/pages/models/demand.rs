//! What the memory estimate is made for: four numbers, from the form until they are edited here.

use crate::models::memory::Demand;

/// The four, in the order of the fields.
pub(super) const FIELDS: [(&str, u32); 4] = [
    ("Instances", 1_000),
    ("Concurrency", 100_000),
    ("Prompt tokens", 10_000_000),
    ("Output tokens", 10_000_000),
];

const USUAL: Demand = Demand {
    instances: 1,
    sequences: 8,
    prompt_tokens: 512,
    output_tokens: 128,
    cached_sequences: 10,
};

#[derive(Debug)]
pub(super) struct DemandFields {
    pub texts: [String; 4],
    pub errors: [Option<String>; 4],
    /// Where the numbers come from.
    pub edited: bool,
    form: Option<Demand>,
    demand: Option<Demand>,
}

impl Default for DemandFields {
    fn default() -> Self {
        let mut fields = Self {
            texts: Default::default(),
            errors: Default::default(),
            edited: false,
            form: None,
            demand: None,
        };
        fields.follow_form();
        fields
    }
}

impl DemandFields {
    pub fn set_form(&mut self, form: Option<Demand>) {
        self.form = form;
        if !self.edited {
            self.follow_form();
        }
    }

    /// Forgets the edits.
    pub fn follow_form(&mut self) {
        let Demand {
            instances,
            sequences,
            prompt_tokens,
            output_tokens,
            ..
        } = self.form.unwrap_or(USUAL);
        self.texts = [instances, sequences, prompt_tokens, output_tokens].map(|n| n.to_string());
        self.update();
        self.edited = false;
    }

    pub fn has_form(&self) -> bool {
        self.form.is_some()
    }

    /// `None` while a number is wrong.
    pub fn demand(&self) -> Option<Demand> {
        self.demand
    }

    /// After an edit.
    pub fn update(&mut self) {
        self.edited = true;
        let mut numbers = [None; 4];
        for (i, (_, most)) in FIELDS.iter().enumerate() {
            let read = self.texts[i].trim().parse::<u32>().ok();
            numbers[i] = read.filter(|n| (1..=*most).contains(n));
            self.errors[i] = numbers[i]
                .is_none()
                .then(|| format!("A whole number from 1 to {most}."));
        }
        self.demand = match numbers {
            [
                Some(instances),
                Some(sequences),
                Some(prompt_tokens),
                Some(output_tokens),
            ] => Some(Demand {
                instances,
                sequences,
                prompt_tokens,
                output_tokens,
                cached_sequences: self.form.unwrap_or(USUAL).cached_sequences,
            }),
            _ => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_numbers_hold_until_one_is_edited() {
        let mut fields = DemandFields::default();
        let form = Demand {
            instances: 4,
            ..USUAL
        };
        fields.set_form(Some(form));
        assert_eq!(fields.demand(), Some(form));
        fields.texts[1] = "32".to_owned();
        fields.update();
        fields.set_form(Some(USUAL));
        let demand = fields.demand().unwrap();
        assert_eq!((demand.instances, demand.sequences), (4, 32));
        fields.follow_form();
        assert_eq!(fields.demand(), Some(USUAL));
    }

    #[test]
    fn a_wrong_number_is_told_at_its_field() {
        let mut fields = DemandFields::default();
        for text in ["", "0", "-1", "many", "1001"] {
            text.clone_into(&mut fields.texts[0]);
            fields.update();
            assert_eq!(fields.demand(), None, "{text}");
            assert!(fields.errors[0].is_some() && fields.errors[1].is_none());
        }
    }
}
