use artifacts::{ArtifactStore, ArtifactsConfig, Stored};
use schema::events::ArtifactRef;
use schema::{ColumnType, Format, Frame, TenantId};
use tempfile::TempDir;

use super::column;
use crate::{CheckError, Frames, RenderError};

struct World {
    dir: TempDir,
    artifact: ArtifactRef,
    frame: Frame,
}

fn acme() -> TenantId {
    TenantId::try_new("acme").unwrap()
}

impl World {
    async fn with(csv: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let stored = store(&dir).put_bytes(&acme(), csv.to_owned().into(), None).await.unwrap();
        let Stored { sha256, size_bytes } = stored;
        let (name, format) = ("risk.csv".to_owned(), Format::Csv);
        let columns = vec![column("n", ColumnType::Integer)];
        let frame = Frame { artifact: name.clone(), rows: 2, columns, longest_text: 0 };
        Self { dir, artifact: ArtifactRef { name, format, sha256, size_bytes }, frame }
    }

    /// Another node on the same directory.
    fn node(&self) -> Frames {
        Frames::new(store(&self.dir), 2)
    }

    async fn render(&self, node: &Frames, format: Format) -> Result<Stored, RenderError> {
        node.render(&acme(), &self.artifact, &self.frame, format).await
    }

    fn path(&self, stored: Stored) -> std::path::PathBuf {
        let name = stored.sha256.to_string();
        self.dir.path().join("acme").join(&name[..2]).join(&name[2..4]).join(name)
    }
}

fn store(dir: &TempDir) -> ArtifactStore {
    let config = ArtifactsConfig { dir: dir.path().to_owned(), ..Default::default() };
    ArtifactStore::open(&config).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_many_ask_for_on_two_nodes_is_rendered_once() {
    let world = World::with("n\n1\n2\n").await;
    let nodes = [world.node(), world.node()];
    let asked = (0..100).map(|at| world.render(&nodes[at % 2], Format::Xlsx));
    let all: Vec<_> = futures::future::join_all(asked).await;
    let first = *all[0].as_ref().unwrap();
    assert!(all.iter().all(|one| *one.as_ref().unwrap() == first));
    // What was rendered once is not written again: not by another node, nor by one that starts later.
    let path = world.path(first);
    let written = std::fs::metadata(&path).unwrap().modified().unwrap();
    assert_eq!(world.render(&world.node(), Format::Xlsx).await.unwrap(), first);
    assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), written);
}

#[tokio::test]
async fn a_rendered_file_is_an_artifact_like_any_other() {
    let world = World::with("n\n1\n2\n").await;
    let stored = world.render(&world.node(), Format::Csv).await.unwrap();
    let bytes = store(&world.dir).read_all(&acme(), stored.sha256, stored.size_bytes).await;
    assert_eq!(bytes.unwrap(), "n\r\n1\r\n2\r\n");
}

#[tokio::test]
async fn a_rendered_file_that_is_gone_or_forgotten_is_rendered_anew_to_the_same_bytes() {
    let world = World::with("n\n1\n2\n").await;
    let node = world.node();
    let stored = world.render(&node, Format::Parquet).await.unwrap();
    let whole = std::fs::read(world.path(stored)).unwrap();

    std::fs::write(world.path(stored), vec![0; whole.len()]).unwrap();
    node.forget(&acme(), &world.artifact, &world.frame, Format::Parquet).await.unwrap();
    assert_eq!(world.render(&node, Format::Parquet).await.unwrap(), stored);
    assert_eq!(std::fs::read(world.path(stored)).unwrap(), whole);

    std::fs::remove_file(world.path(stored)).unwrap();
    assert_eq!(world.render(&world.node(), Format::Parquet).await.unwrap(), stored);
    assert_eq!(std::fs::read(world.path(stored)).unwrap(), whole);
}

#[tokio::test]
async fn a_damaged_frame_is_told_as_such_and_leaves_nothing() {
    let world = World::with("n\n1\n2\n").await;
    let Stored { sha256, size_bytes } =
        Stored { sha256: world.artifact.sha256, size_bytes: world.artifact.size_bytes };
    std::fs::write(world.path(Stored { sha256, size_bytes }), "n\n1\n3\n").unwrap();
    let error = world.render(&world.node(), Format::Csv).await.unwrap_err();
    assert_eq!((error.code(), error.is_transient()), ("render.frame_unreadable", false));
    let derived = world.dir.path().join("acme/derived");
    assert!(!derived.exists() || std::fs::read_dir(derived).unwrap().next().is_none());
}

#[tokio::test]
async fn a_frame_is_checked_once_and_a_fault_is_found_again() {
    let world = World::with("n\n1\n2\n").await;
    let declared = &world.frame.columns;
    let facts = world.node().check(&acme(), &world.artifact, declared).await.unwrap();
    assert_eq!((facts.rows, &facts.columns), (2, declared));
    // The second time its bytes are not looked at.
    std::fs::remove_file(
        world.path(Stored { sha256: world.artifact.sha256, size_bytes: world.artifact.size_bytes }),
    )
    .unwrap();
    let again = world.node().check(&acme(), &world.artifact, declared).await.unwrap();
    assert_eq!(again, facts);

    let bad = World::with("n\nx\n").await;
    for _ in 0..2 {
        let error = bad.node().check(&acme(), &bad.artifact, declared).await.unwrap_err();
        assert!(matches!(error, CheckError::Invalid(_)), "{error}");
    }
}

/// Runs itself again in a mount namespace of its own, where the store's directory is a disk of 1 MiB.
#[test]
fn a_full_disk_is_told_as_such_and_once_there_is_room_the_file_is_rendered() {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=1m tmpfs "$SMALL_DISK" && exec "$0" "$@""#;
    let ran = std::process::Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "tests::once::on_a_small_disk", "--nocapture"])
        .env("SMALL_DISK", dir.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ran.stdout);
    let failed = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{told}{failed}");
    assert!(told.contains("1 MiB was enough to tell"), "{told}{failed}");
}

/// The inner half of the test above; on its own, without a small disk, it has nothing to look at.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the outer half tells by the environment")]
async fn on_a_small_disk() {
    let Some(dir) = std::env::var_os("SMALL_DISK").map(std::path::PathBuf::from) else { return };
    let config = ArtifactsConfig { dir: dir.clone(), ..Default::default() };
    let store = ArtifactStore::open(&config).unwrap();
    let csv: String = (0..60_000).map(|n| format!("{n}\n")).collect();
    let stored = store.put_bytes(&acme(), format!("n\n{csv}").into(), None).await.unwrap();
    let filler = store.put_bytes(&acme(), vec![7; 600_000].into(), None).await.unwrap();
    let Stored { sha256, size_bytes } = stored;
    let (name, format) = ("risk.csv".to_owned(), Format::Csv);
    let columns = vec![column("n", ColumnType::Integer)];
    let frame = Frame { artifact: name.clone(), rows: 60_000, columns, longest_text: 0 };
    let artifact = ArtifactRef { name, format, sha256, size_bytes };
    let frames = Frames::new(store, 1);
    for format in [Format::Xlsx, Format::Csv] {
        let error = frames.render(&acme(), &artifact, &frame, format).await.unwrap_err();
        assert_eq!((error.code(), error.is_transient()), ("render.disk_full", true), "{error}");
    }
    let hex = filler.sha256.to_string();
    let place = dir.join("acme").join(&hex[..2]).join(&hex[2..4]).join(&hex);
    std::fs::remove_file(place).unwrap();
    frames.render(&acme(), &artifact, &frame, Format::Csv).await.unwrap();
    std::io::Write::write_all(&mut std::io::stdout(), b"1 MiB was enough to tell\n").unwrap();
}
