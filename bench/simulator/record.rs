use schema::RecordedEvent;
use sqlx::PgConnection;

/// Events of a statement.
const CHUNK: usize = 20_000;

/// Records a history with its own instants, which only the owner of the ledger can; positions follow the order given.
/// Returns how many events that were.
///
/// # Errors
/// The database's.
pub async fn record(
    owner: &mut PgConnection,
    mut events: impl Iterator<Item = RecordedEvent>,
) -> Result<u64, sqlx::Error> {
    let mut count = 0;
    loop {
        let chunk: Vec<RecordedEvent> = events.by_ref().take(CHUNK).collect();
        if chunk.is_empty() {
            return Ok(count);
        }
        count += chunk.len() as u64;
        let text = |get: fn(&RecordedEvent) -> String| chunk.iter().map(get).collect::<Vec<_>>();
        sqlx::query(
            "insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, \
             metadata, recorded_at) select kind, id, sequence, type, '1', payload::json, metadata::json, at \
             from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], \
             $7::timestamptz[]) as t (kind, id, sequence, type, payload, metadata, at)",
        )
        .bind(text(|one| one.stream.aggregate_type.as_str().to_owned()))
        .bind(text(|one| one.stream.aggregate_id.clone()))
        .bind(chunk.iter().map(|one| one.sequence).collect::<Vec<_>>())
        .bind(text(|one| one.event.event_type().to_owned()))
        .bind(text(|one| one.event.encode().unwrap()))
        .bind(text(|one| serde_json::to_string(&*one.metadata).unwrap()))
        .bind(chunk.iter().map(|one| one.recorded_at.to_chrono()).collect::<Vec<_>>())
        .execute(&mut *owner)
        .await?;
    }
}
