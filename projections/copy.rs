use sqlx::encode::{Encode, IsNull};
use sqlx::postgres::{PgArgumentBuffer, PgConnection};
use sqlx::{Postgres, error::BoxDynError};

/// What a binary COPY begins with: its mark, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with.
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// Rows on their way into a table, as a binary COPY has them (PostgreSQL manual, COPY, "Binary Format"). A value must
/// be of its column's very type.
pub(crate) struct Copy {
    columns: i16,
    buffer: PgArgumentBuffer,
}

impl Copy {
    /// Rows of so many columns.
    pub(crate) fn of(columns: i16) -> Self {
        let mut buffer = PgArgumentBuffer::default();
        buffer.extend_from_slice(HEADER);
        Self { columns, buffer }
    }

    /// Begins a row; its fields follow, one by one.
    pub(crate) fn row(&mut self) {
        self.buffer.extend_from_slice(&self.columns.to_be_bytes());
    }

    /// The row's next field.
    pub(crate) fn field<'v>(
        &mut self,
        value: impl Encode<'v, Postgres>,
    ) -> Result<(), BoxDynError> {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&(-1_i32).to_be_bytes());
        if let IsNull::No = value.encode(&mut self.buffer)? {
            let length = i32::try_from(self.buffer.len() - start - 4)?;
            self.buffer[start..start + 4].copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }

    /// Sends the rows. `statement` is a `copy .. from stdin (format binary)`.
    pub(crate) async fn send(
        mut self,
        conn: &mut PgConnection,
        statement: &str,
    ) -> sqlx::Result<()> {
        self.buffer.extend_from_slice(&TRAILER);
        let mut copy = conn.copy_in_raw(statement).await?;
        copy.send(&self.buffer[..]).await?;
        copy.finish().await?;
        Ok(())
    }
}
