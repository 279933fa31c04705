//! `kinfolk completions`: what a shell needs to complete commands and options.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::exit::{Exit, Outcome};
use crate::{Cli, output};

/// Print a script that lets your shell complete commands and options.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

const AFTER_HELP: &str = "\
Where to put it; it counts from the next shell on:

bash, with the package bash-completion
  mkdir -p ~/.local/share/bash-completion/completions
  kinfolk completions bash > ~/.local/share/bash-completion/completions/kinfolk

zsh, with `fpath=(~/.zfunc $fpath)` before `autoload -U compinit; compinit` in ~/.zshrc
  mkdir -p ~/.zfunc
  kinfolk completions zsh > ~/.zfunc/_kinfolk

fish
  mkdir -p ~/.config/fish/completions
  kinfolk completions fish > ~/.config/fish/completions/kinfolk.fish

powershell: a line in the file that $PROFILE names
  kinfolk completions powershell | Out-String | Invoke-Expression

elvish: a line in ~/.config/elvish/rc.elv
  eval (kinfolk completions elvish | slurp)";

/// Runs the command.
pub(crate) fn run(args: &Args) -> Outcome {
    output::print(script(args.shell))?;
    Ok(Exit::Done)
}

fn script(shell: Shell) -> String {
    // Into memory: writing to a pipe that nobody reads any more would make the generator panic.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "kinfolk", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn each_shell_learns_commands_and_options() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for word in ["kinfolk", "consume", "describe", "no-probe"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }
}
