use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn program(file: &Path) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, "#!/bin/sh\n").unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

fn venv(folder: &Path, base: &Path) {
    fs::create_dir_all(folder.join("bin")).unwrap();
    fs::write(folder.join("pyvenv.cfg"), "home = /somewhere\n").unwrap();
    symlink(base, folder.join("bin/python3")).unwrap();
    symlink("python3", folder.join("bin/python")).unwrap();
}

#[test]
fn every_kind_of_place_is_looked_through_in_order() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().canonicalize().unwrap();
    let home = root.join("home");
    let expected = [
        (root.join("active/bin/python"), Origin::VirtualEnv),
        (root.join("first/python3.12"), Origin::Path),
        (root.join("usr/bin/python3"), Origin::Path),
        (root.join("opt/homebrew/bin/python3.13"), Origin::Homebrew),
        (
            root.join("usr/local/opt/python@3.11/bin/python3.11"),
            Origin::Homebrew,
        ),
        (
            home.join(".pyenv/versions/3.13.0/bin/python3"),
            Origin::Pyenv,
        ),
        (
            home.join(".pyenv/versions/3.11.7/bin/python3"),
            Origin::Pyenv,
        ),
        (home.join("tools/mlx-lm/bin/python"), Origin::UvTool),
        (
            home.join("pythons/cpython-3.12/bin/python3"),
            Origin::UvPython,
        ),
        (
            home.join(".local/pipx/venvs/mlx-lm/bin/python"),
            Origin::Pipx,
        ),
        (
            root.join("Library/Frameworks/Python.framework/Versions/3.12/bin/python3"),
            Origin::PythonOrg,
        ),
        (home.join("miniforge3/bin/python"), Origin::Conda),
        (home.join("miniforge3/envs/mlx/bin/python"), Origin::Conda),
    ];
    for (file, _) in &expected {
        program(file);
    }
    let places = Places {
        path: env::join_paths([root.join("first"), PathBuf::from("relative")]).unwrap(),
        virtual_env: Some(root.join("active")),
        pyenv_root: Some(home.join(".pyenv")),
        uv_tools: Some(home.join("tools")),
        uv_pythons: Some(home.join("pythons")),
        home: Some(home),
        root,
        ..Places::default()
    };
    assert_eq!(places.candidates(), expected);
}

/// Finder gives an app this `PATH` and none of a shell's variables.
#[test]
fn without_a_shell_every_package_managers_python_is_found() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().canonicalize().unwrap();
    let home = root.join("Users/a");
    let elsewhere = root.join("data/conda/mlx");
    let expected = [
        (root.join("opt/local/bin/python3.12"), Origin::Path),
        (
            root.join("opt/homebrew/opt/mlx-lm/libexec/bin/python"),
            Origin::Homebrew,
        ),
        (root.join("usr/local/bin/python3.13"), Origin::Homebrew),
        (
            home.join(".pyenv/versions/3.12.7/bin/python3"),
            Origin::Pyenv,
        ),
        (
            home.join(".local/share/mise/installs/python/3.13.1/bin/python3"),
            Origin::VersionManager,
        ),
        (
            home.join(".asdf/installs/python/3.12.4/bin/python3"),
            Origin::VersionManager,
        ),
        (
            home.join(".local/share/uv/tools/mlx-lm/bin/python"),
            Origin::UvTool,
        ),
        (
            home.join(".local/share/uv/python/cpython-3.13-macos-aarch64-none/bin/python3"),
            Origin::UvPython,
        ),
        (
            home.join("Library/Application Support/pipx/venvs/mlx-lm/bin/python"),
            Origin::Pipx,
        ),
        (
            root.join("Library/Frameworks/Python.framework/Versions/3.13/bin/python3"),
            Origin::PythonOrg,
        ),
        (home.join("miniconda3/bin/python"), Origin::Conda),
        (root.join("opt/miniconda3/bin/python"), Origin::Conda),
        (home.join("miniforge3/bin/python"), Origin::Conda),
        (home.join("anaconda3/bin/python"), Origin::Conda),
        (root.join("opt/anaconda3/bin/python"), Origin::Conda),
        (home.join("opt/anaconda3/bin/python"), Origin::Conda),
        (
            root.join("opt/homebrew/Caskroom/miniconda/base/bin/python"),
            Origin::Conda,
        ),
        (
            root.join("opt/homebrew/anaconda3/bin/python"),
            Origin::Conda,
        ),
        (
            root.join("usr/local/Caskroom/miniforge/base/bin/python"),
            Origin::Conda,
        ),
        (
            root.join("usr/local/Caskroom/miniforge/base/envs/mlx/bin/python"),
            Origin::Conda,
        ),
        (elsewhere.join("bin/python"), Origin::Conda),
    ];
    for (file, _) in &expected {
        program(file);
    }
    // A Mac would ask the user for these: they are not even looked at.
    let guarded = [
        root.join("Volumes/Disk/env"),
        home.join("Documents/work/env"),
        home.join("Desktop/env"),
    ];
    for environment in &guarded {
        program(&environment.join("bin/python"));
    }
    let mut listed: Vec<String> = guarded
        .iter()
        .map(|env| env.display().to_string())
        .collect();
    let gone = root.join("gone").display().to_string();
    listed.extend([gone, String::new(), "relative".to_owned()]);
    listed.push(elsewhere.display().to_string());
    fs::create_dir_all(home.join(".conda")).unwrap();
    fs::write(home.join(".conda/environments.txt"), listed.join("\n")).unwrap();
    let finder = ["usr/bin", "bin", "usr/sbin", "sbin"].map(|folder| root.join(folder));
    let places = Places {
        path: env::join_paths(finder).unwrap(),
        pyenv_root: Some(home.join(".pyenv")),
        uv_tools: Some(home.join(".local/share/uv/tools")),
        uv_pythons: Some(home.join(".local/share/uv/python")),
        home: Some(home),
        root,
        ..Places::default()
    };
    assert_eq!(places.candidates(), expected);
}

#[test]
fn links_to_one_python_count_once_but_an_environment_is_not_its_base() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().canonicalize().unwrap();
    let base = root.join("usr/bin/python3.12");
    program(&base);
    symlink("python3.12", root.join("usr/bin/python3")).unwrap();
    venv(&root.join("env"), &base);
    let path = env::join_paths([root.join("env/bin"), root.join("usr/bin")]).unwrap();
    let places = Places {
        path,
        virtual_env: Some(root.join("env")),
        root: root.clone(),
        ..Places::default()
    };
    assert_eq!(
        places.candidates(),
        [
            (root.join("env/bin/python"), Origin::VirtualEnv),
            (base, Origin::Path)
        ]
    );
}

#[test]
fn the_server_command_names_its_python() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().canonicalize().unwrap();
    let python = root.join("kept/apart/bin/python3");
    program(&python);
    let script = root.join("bin/mlx_lm.server");
    program(&script);
    fs::write(&script, format!("#!{}\nimport sys\n", python.display())).unwrap();
    let places = Places {
        path: root.join("bin").into(),
        root,
        ..Places::default()
    };
    assert_eq!(places.candidates(), [(python, Origin::ServerCommand)]);
}

#[test]
fn a_shim_or_a_compiled_server_command_is_passed_over() {
    let temp = tempfile::tempdir().unwrap();
    let script = temp.path().join("mlx_lm.server");
    for content in ["#!/usr/bin/env bash\nexec pyenv\n", "\u{7f}ELF", ""] {
        fs::write(&script, content).unwrap();
        assert_eq!(shebang(&script), None, "{content:?}");
    }
}

#[test]
fn a_half_made_managed_environment_is_no_candidate() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().canonicalize().unwrap();
    program(&root.join("environment/bin/python"));
    let places = Places {
        managed: Some(root.join("environment")),
        root,
        ..Places::default()
    };
    assert_eq!(places.candidates(), []);
}
