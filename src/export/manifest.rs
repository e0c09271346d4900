use analytics::{Dataset, Written};
use chrono::NaiveDate;
use followers::Mark;
use schema::{Position, Sha256};
use sqlx::{FromRow, PgConnection, PgPool};

use crate::ExportError;

/// A file of the export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedFile {
    /// Where it lies, below the export's folder.
    pub path: String,
    /// Of which table.
    pub dataset: Dataset,
    /// Of which day, as `2026-11-25`.
    pub date: String,
    /// Whose.
    pub tenant: String,
    /// Of events behind this position.
    pub after: Position,
    /// Up to this one.
    pub through: Position,
    /// 0 as exported, one more each time that files were joined.
    pub level: i16,
    /// Rows, bytes, digest.
    pub written: Written,
}

/// What is exported at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Up to which position.
    pub through: Position,
    /// In which files.
    pub files: Vec<ExportedFile>,
}

/// A block of the log that is exported.
pub(crate) struct MadeBlock {
    pub after: Position,
    pub mark: (Position, Sha256),
    pub events: u64,
    pub files: Vec<ExportedFile>,
    /// Paths of files that are joined into one of `files`.
    pub replaced: Vec<String>,
    /// Paths of files that were replaced long ago and are gone.
    pub gone: Vec<String>,
}

#[derive(FromRow)]
struct FileRow {
    path: String,
    dataset: String,
    day: NaiveDate,
    tenant: String,
    after_position: i64,
    through: i64,
    level: i16,
    row_count: i64,
    byte_count: i64,
    sha256: Vec<u8>,
}

impl FileRow {
    fn read(self) -> Result<ExportedFile, schema::Invalid> {
        let digest: [u8; 32] = self.sha256.try_into().unwrap_or_default();
        Ok(ExportedFile {
            dataset: self.dataset.parse()?,
            path: self.path,
            date: self.day.to_string(),
            tenant: self.tenant,
            after: Position(self.after_position),
            through: Position(self.through),
            level: self.level,
            written: Written {
                rows: self.row_count.unsigned_abs(),
                bytes: self.byte_count.unsigned_abs(),
                sha256: Sha256::from_bytes(digest),
            },
        })
    }
}

/// The manifest, as the database has it.
#[derive(Clone, Debug)]
pub struct Manifest {
    pool: PgPool,
}

impl Manifest {
    /// The manifest in this database.
    #[must_use]
    pub const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// What is exported, of one tenant or of all, at one moment.
    ///
    /// # Errors
    /// [`ExportError::Manifest`], [`ExportError::Invalid`].
    pub async fn read(&self, tenant: Option<&str>) -> Result<Exported, ExportError> {
        // One statement: a block that commits in between would be in one half of the answer.
        let (through, paths): (i64, Vec<String>) = sqlx::query_as(
            "select coalesce((select max(through) from export_blocks), 0), \
             array(select path from export_files where replaced_at is null and ($1::text is null or tenant = $1))",
        )
        .bind(tenant)
        .fetch_one(&self.pool)
        .await?;
        Ok(Exported { through: Position(through), files: self.files(&paths).await? })
    }

    async fn files(&self, paths: &[String]) -> Result<Vec<ExportedFile>, ExportError> {
        let rows: Vec<FileRow> = sqlx::query_as(
            "select path, dataset, day, tenant, after_position, through, level, row_count, byte_count, sha256 \
             from export_files where path = any($1) order by dataset, day, tenant, after_position",
        )
        .bind(paths)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(FileRow::read).collect::<Result<_, _>>()?)
    }

    /// How far the export goes: position and hash of its last event.
    pub(crate) async fn mark(&self) -> Result<Mark, ExportError> {
        let last: Option<(i64, Vec<u8>)> = sqlx::query_as(
            "select through, event_hash from export_blocks order by through desc limit 1",
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(last.map_or(Mark { position: Position::START, event_hash: None }, |(through, hash)| {
            let hash: [u8; 32] = hash.try_into().unwrap_or_default();
            Mark { position: Position(through), event_hash: Some(Sha256::from_bytes(hash)) }
        }))
    }

    /// Files that were replaced so long ago that no question reads them any more.
    pub(crate) async fn forgotten(&self) -> Result<Vec<String>, ExportError> {
        let old = "select path from export_files where replaced_at < now() - interval '15 minutes'";
        Ok(sqlx::query_scalar(old).fetch_all(&self.pool).await?)
    }

    /// Writes down that a file was written anew.
    pub(crate) async fn mended(&self, path: &str, written: &Written) -> Result<(), ExportError> {
        sqlx::query(
            "update export_files set row_count = $2, byte_count = $3, sha256 = $4 where path = $1",
        )
        .bind(path)
        .bind(signed(written.rows))
        .bind(signed(written.bytes))
        .bind(written.sha256.as_bytes().as_slice())
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Writes down a block, in the transaction that moves the checkpoint. The same block again changes nothing.
pub(crate) async fn add(conn: &mut PgConnection, block: &MadeBlock) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into export_blocks (through, after_position, event_hash, event_count) \
         values ($1, $2, $3, $4) on conflict do nothing",
    )
    .bind(block.mark.0.0)
    .bind(block.after.0)
    .bind(block.mark.1.as_bytes().as_slice())
    .bind(signed(block.events))
    .execute(&mut *conn)
    .await?;
    let column = |get: fn(&ExportedFile) -> &str| {
        block.files.iter().map(|file| get(file).to_owned()).collect::<Vec<_>>()
    };
    let digests = block.files.iter().map(|file| file.written.sha256.as_bytes().to_vec());
    let digests: Vec<Vec<u8>> = digests.collect();
    let number = |get: fn(&ExportedFile) -> i64| block.files.iter().map(get).collect::<Vec<i64>>();
    sqlx::query(
        "insert into export_files (path, dataset, day, tenant, after_position, through, level, row_count, \
         byte_count, sha256) select path, dataset, day::date, tenant, after_position, through, level, row_count, \
         byte_count, sha256 from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], \
         $7::bigint[], $8::bigint[], $9::bigint[], $10::bytea[]) \
         as t (path, dataset, day, tenant, after_position, through, level, row_count, byte_count, sha256) \
         on conflict (path) do nothing",
    )
    .bind(column(|file| &file.path))
    .bind(column(|file| file.dataset.as_str()))
    .bind(column(|file| &file.date))
    .bind(column(|file| &file.tenant))
    .bind(number(|file| file.after.0))
    .bind(number(|file| file.through.0))
    .bind(number(|file| file.level.into()))
    .bind(number(|file| signed(file.written.rows)))
    .bind(number(|file| signed(file.written.bytes)))
    .bind(digests)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "update export_files set replaced_at = now() where path = any($1) and replaced_at is null",
    )
    .bind(&block.replaced)
    .execute(&mut *conn)
    .await?;
    sqlx::query("delete from export_files where path = any($1)")
        .bind(&block.gone)
        .execute(conn)
        .await?;
    Ok(())
}
