use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A relay that takes every mail as fast as it can and keeps nothing.
pub async fn fast_sink(pipelining: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                stream.set_nodelay(true).unwrap();
                let _ = swallow(stream, pipelining).await;
            });
        }
    });
    address
}

async fn swallow(mut stream: TcpStream, pipelining: bool) -> std::io::Result<()> {
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
            let mut replies = String::new();
            for command in buffer[..read].split_inclusive(|c| *c == b'\n') {
                in_content = command.starts_with(b"DATA");
                replies.push_str(match command.first() {
                    Some(b'E') if pipelining => "250-sink\r\n250 PIPELINING\r\n",
                    _ if in_content => "354 go\r\n",
                    _ => "250 ok\r\n",
                });
            }
            stream.write_all(replies.as_bytes()).await?;
        }
    }
}
