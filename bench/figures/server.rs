use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::soak::Database;

/// Ticks of /proc's clocks in a second.
const TICKS_PER_S: f64 = 100.0;

/// The database server, seen by its superuser and from /proc.
#[derive(Clone)]
pub(super) struct Server {
    pool: PgPool,
    names: Vec<String>,
}

/// A statement as pg_stat_statements has it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct Statement {
    pub query: String,
    pub calls: i64,
    pub rows: i64,
    /// Execution and planning, in milliseconds.
    pub took_ms: f64,
}

impl Server {
    pub async fn connect(database: &Database) -> Result<Self> {
        let pool = PgPoolOptions::new().max_connections(1).connect(&database.admin_url).await?;
        let create = "create extension if not exists pg_stat_statements";
        sqlx::query(create).execute(&pool).await?;
        let name: String =
            sqlx::query_scalar("select current_database()::text").fetch_one(&pool).await?;
        let names = vec![format!("{name}_vault"), name];
        Ok(Self { pool, names })
    }

    pub async fn version(&self) -> Result<String> {
        Ok(sqlx::query_scalar("show server_version").fetch_one(&self.pool).await?)
    }

    /// Where its data lie, when this process may write there; else this process' own temporary directory.
    pub async fn directory(&self) -> Result<PathBuf> {
        let data: String = sqlx::query_scalar("show data_directory").fetch_one(&self.pool).await?;
        let beside = PathBuf::from(data).parent().map(PathBuf::from).context("data_directory")?;
        let writable = tempfile_in(&beside);
        Ok(if writable { beside } else { std::env::temp_dir() })
    }

    /// Forgets what statements ran.
    pub async fn reset(&self) -> Result<()> {
        sqlx::query("select pg_stat_statements_reset()").execute(&self.pool).await?;
        Ok(())
    }

    /// Bytes of write-ahead log since the server's birth.
    pub async fn wal_bytes(&self) -> Result<i64> {
        let sql = "select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint";
        Ok(sqlx::query_scalar(sql).fetch_one(&self.pool).await?)
    }

    /// Full-page images in the log since the statistics' reset.
    pub async fn full_pages(&self) -> Result<i64> {
        let sql = "select wal_fpi from pg_stat_wal";
        Ok(sqlx::query_scalar(sql).fetch_one(&self.pool).await?)
    }

    /// So that full-page images of what ran before do not count.
    pub async fn checkpoint(&self) -> Result<()> {
        sqlx::query("checkpoint").execute(&self.pool).await?;
        Ok(())
    }

    /// So that statistics and visibility are those of tables that have lain for a while.
    pub async fn vacuum(&self) -> Result<()> {
        sqlx::query("vacuum analyze").execute(&self.pool).await?;
        Ok(())
    }

    /// Statements of the product since [`Server::reset`], the longest first.
    pub async fn statements(&self) -> Result<Vec<Statement>> {
        let sql = "select regexp_replace(query, '\\s+', ' ', 'g') as query, sum(calls)::bigint as calls, \
             sum(rows)::bigint as rows, sum(total_exec_time + total_plan_time) as took_ms \
             from pg_stat_statements s join pg_database d on d.oid = s.dbid \
             join pg_roles r on r.oid = s.userid \
             where d.datname = any($1) and not r.rolsuper group by 1 order by 4 desc";
        Ok(sqlx::query_as(sql).bind(&self.names).fetch_all(&self.pool).await?)
    }

    /// Processor seconds of all of the server's processes so far, by what they are for; children that have ended are
    /// under `ended`.
    pub async fn cpu(&self) -> Result<BTreeMap<String, f64>> {
        let sql = "select pid, coalesce(nullif(application_name, ''), backend_type) \
             from pg_stat_activity where pid <> pg_backend_pid()";
        let known: Vec<(i32, String)> = sqlx::query_as(sql).fetch_all(&self.pool).await?;
        let own: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&self.pool).await?;
        let known: BTreeMap<i32, String> = known.into_iter().collect();
        let postmaster = Ticks::of(own)?.parent;
        let mut seconds = BTreeMap::new();
        let ended = Ticks::of(postmaster)?;
        *seconds.entry("ended".to_owned()).or_default() += ended.with_children;
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            let Ok(ticks) = Ticks::of(pid) else { continue };
            if ticks.parent == postmaster && pid != own {
                let role = known.get(&pid).map_or("other", String::as_str);
                *seconds.entry(role.to_owned()).or_default() += ticks.own;
            }
        }
        Ok(seconds)
    }
}

fn tempfile_in(directory: &std::path::Path) -> bool {
    let probe = directory.join("waybill-bench-probe");
    let wrote = fs::write(&probe, b"x").is_ok();
    wrote && fs::remove_file(&probe).is_ok()
}

/// Processor seconds of one process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticks {
    pub parent: i32,
    pub own: f64,
    /// With those of children that have ended.
    pub with_children: f64,
}

impl Ticks {
    pub fn of(pid: i32) -> Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name in parentheses may hold anything.
        let rest = text.rsplit_once(')').context("stat")?.1;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |at: usize| -> Result<f64> { Ok(fields.get(at).context("stat")?.parse()?) };
        let own = (number(11)? + number(12)?) / TICKS_PER_S;
        let children = (number(13)? + number(14)?) / TICKS_PER_S;
        Ok(Self {
            parent: fields.get(1).context("stat")?.parse()?,
            own,
            with_children: own + children,
        })
    }
}

/// Processor seconds all of the machine has spent so far.
pub(super) fn busy_s() -> Result<f64> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().context("/proc/stat")?;
    let fields: Vec<f64> =
        line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    let all: f64 = fields.iter().take(8).sum();
    let idle: f64 = fields.iter().skip(3).take(2).sum();
    Ok((all - idle) / TICKS_PER_S)
}
