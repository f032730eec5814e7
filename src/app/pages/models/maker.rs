//! The form for a synthetic model of any shape, without its drawing.

use std::collections::BTreeMap;
use std::path::Path;

use super::detail::MemoryView;
use crate::models::catalogue::Catalogue;
use crate::models::memory::{self, Demand, MachineMemory};
use crate::models::synthetic::{self, Arch, Part, Shape};
use crate::models::{Description, predict};
use crate::wording::sentence;

/// The numbers that are typed: label, part, and what it is.
pub(super) const NUMBERS: [(&str, Part, &str); 8] = [
    ("Layers", Part::Layers, "How many blocks follow each other"),
    ("Hidden size", Part::Hidden, "Width between the blocks"),
    (
        "Intermediate size",
        Part::Intermediate,
        "Width inside the feed-forward blocks",
    ),
    ("Attention heads", Part::Heads, "Query heads of each layer"),
    (
        "Key/value heads",
        Part::KvHeads,
        "They decide how large the cache is; they divide the attention heads",
    ),
    (
        "Head size",
        Part::HeadDim,
        "Width of one head; qwen2 always takes hidden size / attention heads",
    ),
    (
        "Vocabulary",
        Part::Vocabulary,
        "Ids that the output chooses from",
    ),
    (
        "Context length",
        Part::Context,
        "The longest context that the model promises, in tokens",
    ),
];

#[derive(Debug)]
pub(super) struct Maker {
    pub name: String,
    pub name_error: Option<String>,
    /// The known shape that was started from.
    pub base: String,
    /// Without the typed numbers, while one of them is none.
    pub shape: Shape,
    pub texts: [String; 8],
    pub errors: BTreeMap<Part, String>,
    /// Names of models that were made.
    taken: Vec<String>,
    description: Option<Description>,
    /// Parameters and size, live.
    pub figures: Option<[(&'static str, String); 3]>,
    pub memory: Option<MemoryView>,
}

impl Default for Maker {
    fn default() -> Self {
        let mut maker = Self {
            name: String::new(),
            name_error: None,
            base: String::new(),
            shape: base("tiny"),
            texts: Default::default(),
            errors: BTreeMap::new(),
            taken: Vec::new(),
            description: None,
            figures: None,
            memory: None,
        };
        maker.start_from("tiny");
        maker
    }
}

fn base(name: &str) -> Shape {
    Shape::named(name).expect("one of synthetic::NAMES, each of which a test makes a shape of")
}

impl Maker {
    /// Takes all sizes of a known shape; an own name stays.
    pub fn start_from(&mut self, name: &str) {
        if !synthetic::NAMES.contains(&name) {
            return;
        }
        let suggested = |base: &str| format!("my-{base}");
        if self.name.is_empty() || self.name == suggested(&self.base) {
            self.name = suggested(name);
        }
        name.clone_into(&mut self.base);
        self.shape = base(name);
        self.write_numbers();
        self.update();
    }

    fn write_numbers(&mut self) {
        let shape = &self.shape;
        self.texts = [
            shape.layers,
            shape.hidden,
            shape.intermediate,
            shape.heads,
            shape.kv_heads,
            shape.head_dim,
            shape.vocab,
            shape.context,
        ]
        .map(|number| number.to_string());
    }

    pub fn set_family(&mut self, family: Arch) {
        self.shape = self.shape.clone().in_family(family);
    }

    pub fn set_taken(&mut self, catalogue: Option<&Catalogue>) {
        self.taken = catalogue
            .into_iter()
            .flat_map(|catalogue| &catalogue.synthetic)
            .filter(|entry| entry.ours)
            .filter_map(|entry| entry.text.strip_prefix(synthetic::PREFIX))
            .map(str::to_owned)
            .collect();
        self.check_name();
    }

    fn check_name(&mut self) {
        let name = self.name.trim();
        self.name_error = match synthetic::check_name(name) {
            Err(why) => Some(format!("{why}.")),
            Ok(()) if self.taken.iter().any(|taken| taken == name) => Some(format!(
                "synthetic:{name} is there already: choose another name, or delete that one."
            )),
            Ok(()) => None,
        };
    }

    /// After an edit.
    pub fn update(&mut self) {
        self.check_name();
        self.errors.clear();
        let mut numbers = [0; 8];
        for (i, (_, part, _)) in NUMBERS.iter().enumerate() {
            match self.texts[i].trim().parse() {
                Ok(number) => numbers[i] = number,
                Err(_) => {
                    self.errors
                        .insert(*part, "It is not a whole number.".to_owned());
                }
            }
        }
        if self.errors.is_empty() {
            self.read(numbers);
        }
        let name = self.name.trim();
        self.description = if self.errors.is_empty() {
            predict(name, &self.shape, Path::new("")).ok()
        } else {
            None
        };
        self.figures = self.description.as_ref().map(|described| {
            let parameters = described.parameters.map(|count| count.to_string());
            let bits = described.bits_per_weight().map(|bits| format!("{bits:.2}"));
            let dash = || "–".to_owned();
            [
                ("Parameters", parameters.unwrap_or_else(dash)),
                ("Size on disk", format!("about {}", described.size)),
                ("Bits a weight", bits.unwrap_or_else(dash)),
            ]
        });
    }

    fn read(&mut self, numbers: [u64; 8]) {
        let [
            layers,
            hidden,
            intermediate,
            heads,
            kv_heads,
            head_dim,
            vocab,
            context,
        ] = numbers;
        self.shape = Shape {
            hidden,
            layers,
            intermediate,
            heads,
            kv_heads,
            head_dim,
            vocab,
            context,
            ..self.shape.clone()
        }
        .with_own_head_size();
        if self.shape.head_dim != head_dim {
            self.texts[5] = self.shape.head_dim.to_string();
        }
        for problem in self.shape.problems() {
            let text = sentence(&problem.text);
            self.errors.entry(problem.part).or_insert(text);
        }
    }

    pub fn judge(&mut self, machine: Option<&MachineMemory>, demand: Option<&Demand>) {
        self.memory = match (&self.description, machine, demand) {
            (Some(described), Some(machine), Some(demand)) => {
                let estimate = memory::estimate(described, demand);
                Some(MemoryView::of(&estimate, machine))
            }
            _ => None,
        };
    }

    /// What would be made, while nothing is wrong with it.
    pub fn ready(&self) -> Option<(&str, &Shape)> {
        let right = self.name_error.is_none() && self.errors.is_empty();
        right.then(|| (self.name.trim(), &self.shape))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(maker: &mut Maker, part: Part, text: &str) {
        let at = NUMBERS.iter().position(|(_, p, _)| *p == part).unwrap();
        text.clone_into(&mut maker.texts[at]);
        maker.update();
    }

    #[test]
    fn every_known_shape_can_be_started_from() {
        let mut maker = Maker::default();
        for name in synthetic::NAMES {
            maker.start_from(name);
            let (ready, shape) = maker.ready().unwrap();
            assert_eq!(ready, format!("my-{name}"));
            assert_eq!(*shape, Shape::named(name).unwrap());
        }
        "own".clone_into(&mut maker.name);
        maker.start_from("small");
        assert_eq!(maker.name, "own");
    }

    #[test]
    fn what_makes_no_model_is_told_at_its_field() {
        let mut maker = Maker::default();
        typed(&mut maker, Part::KvHeads, "3");
        typed(&mut maker, Part::Intermediate, "100");
        assert!(maker.errors[&Part::KvHeads].starts_with("4 attention heads cannot share 3"));
        assert!(maker.errors[&Part::Intermediate].contains("group size 64"));
        assert_eq!((maker.ready(), &maker.figures), (None, &None));
        typed(&mut maker, Part::Layers, "two");
        assert_eq!(
            maker.errors.keys().collect::<Vec<_>>(),
            [&Part::Layers],
            "what cannot be read is told first"
        );
        for (part, text) in [
            (Part::Layers, "3"),
            (Part::KvHeads, "2"),
            (Part::Intermediate, "128"),
        ] {
            typed(&mut maker, part, text);
        }
        assert_eq!(maker.ready().unwrap().1.layers, 3);
        "Tiny".clone_into(&mut maker.name);
        maker.update();
        assert_eq!(maker.ready(), None);
    }

    #[test]
    fn qwen2_computes_its_head_size() {
        let mut maker = Maker::default();
        maker.set_family(Arch::Qwen2);
        typed(&mut maker, Part::Hidden, "128");
        assert_eq!(maker.texts[5], "32");
        assert!(maker.ready().is_some(), "{:?}", maker.errors);
    }
}
