//! H38: looks for the key where programs find secrets: in the environment and among the arguments. (Its memory is what the
//! probe `hunt` looks through.)

use crate::tried::Tried;

pub(crate) fn attempt() -> Tried {
    let mut tried = Tried::default();
    #[expect(clippy::disallowed_methods, reason = "what this misdeed is")]
    for (name, _) in std::env::vars_os() {
        tried.note(&format!("environment {}", name.to_string_lossy()), "found");
    }
    for argument in std::env::args_os() {
        tried.note(&format!("argument {}", argument.to_string_lossy()), "found");
    }
    tried
}
