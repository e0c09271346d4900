use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A relay that takes every mail as fast as it can and keeps nothing.
pub async fn fast_sink() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                stream.set_nodelay(true).unwrap();
                let _ = swallow(stream).await;
            });
        }
    });
    address
}

async fn swallow(mut stream: TcpStream) -> std::io::Result<()> {
    const DOT: &[u8] = b"\r\n.\r\n";
    stream.write_all(b"220 sink\r\n").await?;
    let (mut buffer, mut tail, mut in_content) = (vec![0; 64 * 1024], Vec::new(), false);
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        if in_content {
            tail.extend_from_slice(&buffer[read.saturating_sub(DOT.len())..read]);
            let end = tail.split_off(tail.len().saturating_sub(DOT.len()));
            tail = end;
            if tail == DOT {
                in_content = false;
                tail.clear();
                stream.write_all(b"250 ok\r\n").await?;
            }
        } else {
            in_content = buffer.starts_with(b"DATA");
            stream.write_all(if in_content { b"354 go\r\n" } else { b"250 ok\r\n" }).await?;
        }
    }
}
