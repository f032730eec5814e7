//! Synthetic models in the real server.

use libtest_mimic::Failed;

use crate::lab::{Lab, finish};
use crate::{Needs, Test, ensure};

pub const TESTS: &[Test] = &[
    ("models_make_and_list", Needs::Nothing, make_and_list),
    ("small_gives_every_token", Needs::Nothing, small),
    ("a_shape_of_its_own_is_served", Needs::Nothing, own_shape),
];

fn make_and_list(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    finish(home.bare_command(["models", "make", "synthetic:tiny"]))?.expect(0)?;
    let out = finish(home.bare_command(["models", "list"]))?
        .expect(0)?
        .out;
    ensure!(out.contains("tiny") && out.contains("llama"), "{out}");
    finish(home.bare_command(["models", "make", "synthetic:huge"]))?
        .expect(2)?
        .says("no synthetic model \"huge\"")?;
    Ok(())
}

fn own_shape(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let make = |layers| {
        let flags = [
            "--family", "qwen3", "--bits", "8", "--dtype", "bf16", "--layers", layers,
        ];
        let name = ["models", "make", "synthetic:own"];
        finish(home.bare_command(name.into_iter().chain(flags)))
    };
    make("3")?.expect(0)?;
    make("3")?.expect(0)?.says("was there already")?;
    make("4")?
        .expect(1)?
        .says("there already with another shape")?;
    let out = finish(home.bare_command(["models", "list"]))?
        .expect(0)?
        .out;
    ensure!(
        out.contains("synthetic:own") && out.contains("qwen3") && out.contains("8-bit"),
        "{out}"
    );
    let args = [
        "test",
        "single",
        "--model",
        "synthetic:own",
        "MLX_MAX_TOKENS=16",
    ];
    let out = home.run(args)?.expect(0)?.out;
    ensure!(out.contains("tokens=16 "), "{out}");
    Ok(())
}

fn small(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let args = [
        "test",
        "concurrent",
        "--model",
        "synthetic:small",
        "MLX_NUM_REQUESTS=8",
        "MLX_MAX_TOKENS=24",
    ];
    let out = home.run(args)?.expect(0)?.out;
    ensure!(out.contains("total_tokens=192 "), "{out}");
    let json = home.json()?;
    ensure!(
        json["model"].to_string().contains("synthetic"),
        "{}",
        json["model"]
    );
    Ok(())
}
