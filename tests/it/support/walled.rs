use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::{Node, Scene, env};

/// Files below a directory, all the way down.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// `waybill serve` with file systems of its own, made by `mount` commands: `$0` onwards is the program.
fn walled(inner: &Command, mounts: &str) -> Command {
    let (inner, script) = (inner.as_std(), format!("{mounts} && exec \"$0\" \"$@\""));
    let mut command = Command::new("unshare");
    let settings = inner.get_envs().filter_map(|(name, value)| Some((name, value?)));
    command.env_clear().envs(settings).env("PATH", env("PATH"));
    command.args(["--map-root-user", "--mount", "sh", "-c", &script]).arg(inner.get_program());
    command.current_dir(inner.get_current_dir().unwrap()).stdin(Stdio::null()).kill_on_drop(true);
    command
}

impl Scene {
    /// Starts `waybill serve` whose artifact directory is a disk of so many KiB, until it is ready.
    pub async fn serve_on_small_disk(&self, id: &str, size_kib: u32) -> Node {
        let directory = self.setting("artifacts.dir");
        std::fs::create_dir_all(directory).unwrap();
        let mounts = format!("mount -t tmpfs -o size={size_kib}k tmpfs '{directory}'");
        let mut node = Node::start(walled(&self.command(), &mounts), id, self.path()).await;
        node.await_ready().await;
        node
    }

    /// Starts `waybill serve` for which `hosts` is the machine's table of names, until it is ready.
    pub async fn serve_with_hosts(&self, id: &str, hosts: &Path) -> Node {
        let mounts = format!("mount --bind '{}' /etc/hosts", hosts.display());
        let mut node = Node::start(walled(&self.command(), &mounts), id, self.path()).await;
        node.await_ready().await;
        node
    }
}
