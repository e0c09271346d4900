#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use schema::{Sha256, TenantId};
use tempfile::TempDir;

use crate::{ArtifactError, ArtifactStore, ArtifactsConfig, Stored};

fn tenant(name: &str) -> TenantId {
    TenantId::try_new(name).unwrap()
}

fn config(dir: &Path) -> ArtifactsConfig {
    ArtifactsConfig { dir: dir.to_owned(), max_bytes: 1_000_000, ..Default::default() }
}

fn store() -> (ArtifactStore, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (ArtifactStore::open(&config(dir.path())).unwrap(), dir)
}

/// Bytes of which no two pieces are alike.
fn content(size: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..size.div_ceil(8)).flat_map(|_| next()).collect();
    bytes.truncate(size);
    bytes.into()
}

fn pieces(bytes: &Bytes, size: usize) -> Vec<io::Result<Bytes>> {
    bytes.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn path_of(dir: &TempDir, tenant: &str, sha256: Sha256) -> PathBuf {
    let name = sha256.to_string();
    dir.path().join(tenant).join(&name[..2]).join(&name[2..4]).join(name)
}

#[tokio::test]
async fn what_was_put_is_read_back_the_same_in_pieces_and_whole() {
    let (store, dir) = store();
    for size in [1, 50_000, 256 * 1024, 900_001] {
        let bytes = content(size, size as u64);
        let sent = stream::iter(pieces(&bytes, 7_001));
        let stored = store.put(&tenant("acme"), sent, None).await.unwrap();

        let sha256 = Sha256::of(&bytes);
        assert_eq!(stored, Stored { sha256, size_bytes: size as u64 });
        assert_eq!(std::fs::read(path_of(&dir, "acme", sha256)).unwrap(), bytes);
        let reader = store.open_read(&tenant("acme"), sha256).await.unwrap();
        assert_eq!(reader.size_bytes(), size as u64);
        let read: Vec<Bytes> = reader.try_collect().await.unwrap();
        assert_eq!(read.concat(), bytes);
        assert_eq!(store.read_all(&tenant("acme"), sha256, 900_001).await.unwrap(), bytes);
        assert_eq!(store.size(&tenant("acme"), sha256).await.unwrap(), Some(size as u64));
    }
    assert_eq!(files(dir.path()).len(), 4);
}

#[tokio::test]
async fn knowing_the_digest_of_another_tenants_artifact_gives_nothing() {
    let (store, _dir) = store();
    let sha256 = store.put_bytes(&tenant("acme"), "secret".into(), None).await.unwrap().sha256;

    assert!(!store.exists(&tenant("rival"), sha256).await.unwrap());
    let read = store.read_all(&tenant("rival"), sha256, 100).await;
    assert!(matches!(read, Err(ArtifactError::NotFound { .. })));
    let opened = store.open_read(&tenant("rival"), sha256).await;
    assert!(matches!(opened, Err(ArtifactError::NotFound { .. })));
}

#[tokio::test]
async fn the_same_artifact_again_is_not_written_again() {
    let (store, dir) = store();
    let first = store.put_bytes(&tenant("acme"), "same".into(), None).await.unwrap();
    let path = path_of(&dir, "acme", first.sha256);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o440)).unwrap();

    let again = store.put_bytes(&tenant("acme"), "same".into(), Some(first.sha256)).await.unwrap();

    assert_eq!(again, first);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o440);
    assert_eq!(files(dir.path()), [path]);
}

#[tokio::test]
async fn an_empty_artifact_is_refused() {
    let (store, dir) = store();
    let put = store.put_bytes(&tenant("acme"), Bytes::new(), None).await;
    assert_eq!(put.unwrap_err().to_string(), "artifact: 0 bytes, must have at least one");
    assert!(files(dir.path()).is_empty());
}

#[tokio::test]
async fn an_artifact_over_the_limit_is_refused_before_it_is_read_to_its_end() {
    let (store, dir) = store();
    let endless = stream::repeat(Bytes::from(vec![7; 10_000])).map(Ok::<_, io::Error>);

    let put = store.put(&tenant("acme"), endless, None).await;

    let told = "artifact: more than 1000000 bytes, must have at most 1000000";
    assert_eq!(put.unwrap_err().to_string(), told);
    assert!(files(dir.path()).is_empty());
}

#[tokio::test]
async fn an_artifact_of_exactly_the_limit_is_taken() {
    let (store, _dir) = store();
    let bytes = content(1_000_000, 1);
    let stored = store.put_bytes(&tenant("acme"), bytes, None).await.unwrap();
    assert_eq!(stored.size_bytes, 1_000_000);
}

#[tokio::test]
async fn what_must_not_be_lost_is_taken_whatever_the_limit() {
    let (store, _dir) = store();
    let bytes = content(1_000_001, 2);
    let stored = store.put_whole(&tenant("acme"), bytes.clone()).await.unwrap();
    assert_eq!(store.read_all(&tenant("acme"), stored.sha256, 1_000_001).await.unwrap(), bytes);
    let put = store.put_bytes(&tenant("acme"), content(1_000_001, 3), None).await;
    assert!(matches!(put, Err(ArtifactError::TooLarge { .. })));
}

#[tokio::test]
async fn an_artifact_with_another_digest_than_announced_is_refused() {
    let (store, dir) = store();
    let expected = Sha256::of(b"announced");
    let put = store.put_bytes(&tenant("acme"), "sent".into(), Some(expected)).await;
    match put.unwrap_err() {
        ArtifactError::DigestDiffers { expected: told, actual } => {
            assert_eq!((told, actual), (expected, Sha256::of(b"sent")));
        }
        other => unreachable!("{other}"),
    }
    assert!(files(dir.path()).is_empty());
}

#[tokio::test]
async fn an_artifact_that_breaks_off_leaves_nothing_behind() {
    let (store, dir) = store();
    let mut sent = pieces(&content(600_000, 2), 100_000);
    sent.push(Err(io::Error::other("connection reset")));

    let put = store.put(&tenant("acme"), stream::iter(sent), None).await;

    assert!(matches!(put, Err(ArtifactError::Interrupted(_))));
    assert!(files(dir.path()).is_empty());
}

#[tokio::test]
async fn damage_on_disk_is_found_before_the_last_piece_is_handed_out() {
    let (store, dir) = store();
    let bytes = content(400_000, 3);
    let stored = store.put_bytes(&tenant("acme"), bytes.clone(), None).await.unwrap();
    let path = path_of(&dir, "acme", stored.sha256);
    let mut damaged = bytes.to_vec();
    damaged[17] ^= 1;
    std::fs::write(&path, &damaged).unwrap();

    let reader = store.open_read(&tenant("acme"), stored.sha256).await.unwrap();
    let read: Vec<_> = reader.collect().await;
    let handed_out: usize = read.iter().flatten().map(Bytes::len).sum();
    assert!(handed_out < bytes.len());
    assert!(matches!(read.last(), Some(Err(ArtifactError::Damaged { .. }))));
    let whole = store.read_all(&tenant("acme"), stored.sha256, 400_000).await;
    assert!(matches!(whole, Err(ArtifactError::Damaged { .. })));
}

#[tokio::test]
async fn an_artifact_cut_short_on_disk_is_mended_by_sending_it_again() {
    let (store, dir) = store();
    let bytes = content(5_000, 4);
    let stored = store.put_bytes(&tenant("acme"), bytes.clone(), None).await.unwrap();
    std::fs::write(path_of(&dir, "acme", stored.sha256), &bytes[..100]).unwrap();
    let cut = store.read_all(&tenant("acme"), stored.sha256, 5_000).await;
    assert!(matches!(cut, Err(ArtifactError::Damaged { .. })));

    store.put_bytes(&tenant("acme"), bytes.clone(), None).await.unwrap();

    assert_eq!(store.read_all(&tenant("acme"), stored.sha256, 5_000).await.unwrap(), bytes);
}

#[tokio::test]
async fn an_artifact_damaged_on_disk_at_its_full_length_is_mended_by_sending_it_again() {
    let (store, dir) = store();
    for size in [5_000, 400_000] {
        let bytes = content(size, size as u64);
        let stored = store.put_bytes(&tenant("acme"), bytes.clone(), None).await.unwrap();
        let mut damaged = bytes.to_vec();
        damaged[size - 17] ^= 1;
        std::fs::write(path_of(&dir, "acme", stored.sha256), &damaged).unwrap();

        let again = store.put_bytes(&tenant("acme"), bytes.clone(), None).await.unwrap();

        assert_eq!(again, stored);
        assert_eq!(store.read_all(&tenant("acme"), stored.sha256, 400_000).await.unwrap(), bytes);
    }
    assert_eq!(files(dir.path()).len(), 2);
}

#[tokio::test]
async fn a_whole_artifact_over_the_readers_limit_is_not_loaded() {
    let (store, _dir) = store();
    let stored = store.put_bytes(&tenant("acme"), content(2_000, 5), None).await.unwrap();
    let read = store.read_all(&tenant("acme"), stored.sha256, 1_999).await;
    assert!(matches!(read, Err(ArtifactError::TooLarge { limit_bytes: 1_999 })));
}

#[test]
fn opening_removes_what_a_dead_process_left_and_spares_what_a_living_one_writes() {
    let dir = tempfile::tempdir().unwrap();
    let dead = dir.path().join(".incoming/node-dead");
    std::fs::create_dir_all(&dead).unwrap();
    std::fs::write(dead.join("half"), b"half an artif").unwrap();

    let living = ArtifactStore::open(&config(dir.path())).unwrap();
    let other = ArtifactStore::open(&config(dir.path())).unwrap();

    assert!(!dead.exists());
    let in_use = std::fs::read_dir(dir.path().join(".incoming")).unwrap().count();
    assert_eq!(in_use, 2);
    drop((living, other));
}

/// Runs itself again in a mount namespace of its own, where the store's directory is a disk of 512 KiB.
#[test]
fn a_full_disk_is_told_as_such_and_leaves_room_for_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=512k tmpfs "$SMALL_DISK" && exec "$0" "$@""#;
    let inner = "tests::on_a_small_disk";
    let ran = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", inner, "--nocapture"])
        .env("SMALL_DISK", dir.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ran.stdout);
    let failed = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{told}{failed}");
    assert!(told.contains("512 KiB were enough to tell"), "{told}{failed}");
}

/// The inner half of the test above; on its own, without a small disk, it has nothing to look at.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the outer half tells by the environment")]
async fn on_a_small_disk() {
    let Some(dir) = std::env::var_os("SMALL_DISK") else { return };
    let store = ArtifactStore::open(&config(Path::new(&dir))).unwrap();
    let acme = tenant("acme");
    let kept = store.put_bytes(&acme, content(100_000, 6), None).await.unwrap();

    for size in [450_000, 900_000] {
        let sent = stream::iter(pieces(&content(size, size as u64), 65_536));
        let put = store.put(&acme, sent, None).await;
        assert!(matches!(put, Err(ArtifactError::DiskFull)), "{put:?}");
        assert_eq!(files(Path::new(&dir)).len(), 1);
    }
    store.put_bytes(&acme, content(100_000, 7), None).await.unwrap();
    assert!(store.exists(&acme, kept.sha256).await.unwrap());
    std::io::Write::write_all(&mut io::stdout(), b"512 KiB were enough to tell\n").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_puts_of_one_artifact_at_once_are_one_file() {
    let (store, dir) = store();
    let bytes = content(50_000, 8);
    let put = |_| {
        let (store, bytes) = (store.clone(), bytes.clone());
        async move { store.put_bytes(&tenant("acme"), bytes, None).await.unwrap() }
    };
    let stored: Vec<Stored> = stream::iter(0..1_000).map(put).buffer_unordered(64).collect().await;
    assert!(stored.iter().all(|one| one.sha256 == Sha256::of(&bytes)));
    assert_eq!(files(dir.path()).len(), 1);
}
