//! Statements over tables whose names come from [`projections::Table`]: constants of this program, never input.
//! Postgres binds no identifiers, so these are put together.

use projections::{Projection, Table};
use schema::{Position, Sha256};
use sqlx::{Executor, FromRow, PgConnection};

/// Where the log is folded anew.
pub(super) const REBUILD: &str = "read_rebuild";
/// Where it is folded event by event, to compare with.
pub(super) const REFERENCE: &str = "read_reference";

const CHECKPOINT: &str = "select position, event_hash from public.checkpoints where name = $1";
const LOCK: &str = "select position, event_hash from public.checkpoints where name = $1 for update";
const OPTIONS: &str = "
    select coalesce(array_to_string(reloptions, ', '), '') from pg_class
    where oid = ('read.' || $1)::regclass";
const COLUMNS: &str = "
    select coalesce(string_agg(format('%s %s %s %s', a.attname, a.atttypid::regtype, a.attnotnull,
        a.attcollation::regcollation), ', ' order by a.attnum), '')
    from pg_attribute a
    where a.attrelid = to_regclass('read.' || $1) and a.attnum > 0 and not a.attisdropped";
const HAS_JSON: &str = "
    select exists(select from pg_attribute
                  where attrelid = ($1 || '.' || $2)::regclass and atttypid = 'jsonb'::regtype)";
const IS_THERE: &str = "select to_regclass($1 || '.' || $2) is not null";
const INDEXES: &str = "
    select c.relname as name, pg_get_indexdef(i.indexrelid) as definition, i.indisprimary as is_primary,
           to_regclass('read_rebuild.' || quote_ident(c.relname)) is not null as is_there
    from pg_index i join pg_class c on c.oid = i.indexrelid
    where i.indrelid = ('read.' || $1)::regclass
    order by i.indisprimary, c.relname";
// A new epoch, so that whoever runs the follower looks at its tables anew.
const START_ANEW: &str = "
    update public.checkpoints
    set position = $2, event_hash = $3,
        epoch = epoch + 1, poison_position = null, poison_error = null,
        updated_at = clock_timestamp()
    where name = $1";

/// A table beside the live one: same columns, nothing in it. One that is only copied to gets indexes and storage
/// options later, see [`complete`]: what the live table keeps free in its pages is for rows that change: these have.
pub(super) async fn create(
    conn: &mut PgConnection,
    schema: &str,
    table: &Table,
    is_copied: bool,
) -> sqlx::Result<()> {
    let name = table.name;
    let but = if is_copied { " excluding indexes" } else { "" };
    let statement = format!(
        "drop table if exists {schema}.{name};
         create table {schema}.{name} (like read.{name} including all{but});"
    );
    conn.execute(statement.as_str()).await?;
    if is_copied { Ok(()) } else { give_options(conn, schema, table).await }
}

/// The storage options of the live table, for what is written from here on.
async fn give_options(conn: &mut PgConnection, schema: &str, table: &Table) -> sqlx::Result<()> {
    let name = table.name;
    let options: String = sqlx::query_scalar(OPTIONS).bind(name).fetch_one(&mut *conn).await?;
    if !options.is_empty() {
        let statement = format!("alter table {schema}.{name} set ({options})");
        conn.execute(statement.as_str()).await?;
    }
    Ok(())
}

/// Gives a rebuilt table the live one's storage options and the planner its statistics; indexes come before.
pub(super) async fn complete(conn: &mut PgConnection, table: &Table) -> sqlx::Result<()> {
    give_options(conn, REBUILD, table).await?;
    conn.execute(format!("analyze {REBUILD}.{}", table.name).as_str()).await?;
    Ok(())
}

/// Drops tables of a projection that nobody reads.
pub(super) async fn discard(
    conn: &mut PgConnection,
    schema: &str,
    projection: &dyn Projection,
) -> sqlx::Result<()> {
    for table in projection.tables() {
        let statement = format!("drop table if exists {schema}.{}", table.name);
        conn.execute(statement.as_str()).await?;
    }
    Ok(())
}

/// Moves a projection's tables from one schema to another, where none of them may be.
pub(super) async fn shift(
    conn: &mut PgConnection,
    projection: &dyn Projection,
    from: &str,
    to: &str,
) -> sqlx::Result<()> {
    for table in projection.tables() {
        let statement = format!("alter table {from}.{} set schema {to}", table.name);
        conn.execute(statement.as_str()).await?;
    }
    Ok(())
}

/// Whether all tables of a projection are in a schema.
pub(super) async fn are_there(
    conn: &mut PgConnection,
    schema: &str,
    projection: &dyn Projection,
) -> sqlx::Result<bool> {
    for table in projection.tables() {
        let query = sqlx::query_scalar(IS_THERE).bind(schema).bind(table.name);
        if !query.fetch_one(&mut *conn).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The columns of the live tables, as text.
pub(super) async fn columns(
    conn: &mut PgConnection,
    projection: &dyn Projection,
) -> sqlx::Result<String> {
    let mut all = String::new();
    for table in projection.tables() {
        let columns: String =
            sqlx::query_scalar(COLUMNS).bind(table.name).fetch_one(&mut *conn).await?;
        all.push_str(&format!("{} ({columns})\n", table.name));
    }
    Ok(all)
}

/// An index of a live table.
#[derive(FromRow)]
struct Index {
    name: String,
    definition: String,
    is_primary: bool,
    /// Whether the rebuilt table has it already.
    is_there: bool,
}

/// Statements that give a rebuilt table the indexes of the live one which it does not have yet.
pub(super) async fn missing_indexes(
    conn: &mut PgConnection,
    table: &Table,
) -> sqlx::Result<Vec<String>> {
    let name = table.name;
    let found: Vec<Index> = sqlx::query_as(INDEXES).bind(name).fetch_all(conn).await?;
    let missing = found.into_iter().filter(|index| !index.is_there);
    Ok(missing
        .map(|index| {
            let (from, to) = (format!(" ON read.{name} "), format!(" ON {REBUILD}.{name} "));
            let make = index.definition.replacen(&from, &to, 1);
            if !index.is_primary {
                return make;
            }
            let index = index.name;
            format!(
                "{make}; alter table {REBUILD}.{name} add constraint {index} primary key using index {index}"
            )
        })
        .collect())
}

/// How far the live follower has come, and the hash of the event there.
#[derive(Clone, Default, FromRow)]
pub(super) struct Live {
    pub position: i64,
    pub event_hash: Option<Vec<u8>>,
}

/// The live follower's checkpoint; nowhere, when it never ran.
pub(super) async fn checkpoint(conn: &mut PgConnection, name: &str) -> sqlx::Result<Live> {
    let live = sqlx::query_as(CHECKPOINT).bind(name).fetch_optional(conn).await?;
    Ok(live.unwrap_or_default())
}

/// The same, and the live follower waits until this transaction ends.
pub(super) async fn lock_checkpoint(conn: &mut PgConnection, name: &str) -> sqlx::Result<Live> {
    let live = sqlx::query_as(LOCK).bind(name).fetch_optional(conn).await?;
    Ok(live.unwrap_or_default())
}

/// Places the live follower where the tables that are live now end.
pub(super) async fn start_anew(
    conn: &mut PgConnection,
    name: &str,
    position: Position,
    event_hash: Option<&[u8]>,
) -> sqlx::Result<()> {
    let query = sqlx::query(START_ANEW).bind(name).bind(position.0).bind(event_hash);
    query.execute(conn).await?;
    Ok(())
}

/// Digest over all rows of a projection's tables, and those of the tables apart.
pub(super) async fn digest(
    conn: &mut PgConnection,
    schema: &str,
    projection: &dyn Projection,
) -> sqlx::Result<(Sha256, Vec<String>)> {
    let (mut all, mut each) = (String::new(), Vec::new());
    for table in projection.tables() {
        let of_table = digest_of(conn, schema, table).await?;
        all.push_str(&format!("{} {of_table}\n", table.name));
        each.push(of_table);
    }
    Ok((Sha256::of(all.as_bytes()), each))
}

/// Count of rows and sums of two hashes of each: the same for the same rows, in whatever order they lie. What can be
/// written in more than one way is hashed as it is written.
async fn digest_of(conn: &mut PgConnection, schema: &str, table: &Table) -> sqlx::Result<String> {
    let name = table.name;
    let has_json: bool =
        sqlx::query_scalar(HAS_JSON).bind(schema).bind(name).fetch_one(&mut *conn).await?;
    let hash = if has_json { "hashtextextended(t::text" } else { "hash_record_extended(t" };
    let statement = format!(
        "select concat_ws(':', count(*), sum({hash}, 0)), sum({hash}, 1))) from {schema}.{name} t"
    );
    sqlx::query_scalar(&statement).persistent(false).fetch_one(conn).await
}

/// Names rows that are not the same on both sides: table, key, and which columns.
pub(super) async fn differences(
    conn: &mut PgConnection,
    table: &Table,
    limit: u32,
) -> sqlx::Result<Vec<String>> {
    let (name, key) = (table.name, table.key.join(", "));
    let first = table.key.first().copied().unwrap_or_default();
    let statement = format!(
        "select concat('{name} ', concat_ws('/', {key}), ': ', case
             when live.{first} is null then 'missing'
             when built.{first} is null then 'should not be there'
             else 'differs in ' || (
                 select string_agg(l.key, ', ' order by l.key)
                 from jsonb_each(to_jsonb(live)) l join jsonb_each(to_jsonb(built)) b using (key)
                 where l.value is distinct from b.value) end)
         from read.{name} live full join read_rebuild.{name} built using ({key})
         where live::text is distinct from built::text
         order by {key} limit {limit}"
    );
    sqlx::query_scalar(&statement).persistent(false).fetch_all(conn).await
}
