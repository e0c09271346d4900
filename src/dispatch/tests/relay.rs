//! A mail server that takes what it is given, unless told to hang up after the final dot.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[derive(Default)]
struct Book {
    mails: Vec<String>,
    hang_ups: u32,
    refuses: bool,
}

pub struct Relay {
    pub port: u16,
    book: Arc<Mutex<Book>>,
}

impl Relay {
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let book = Arc::new(Mutex::new(Book::default()));
        let serving = Arc::clone(&book);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Self { port, book }
    }

    /// Takes the next mails and says nothing.
    pub fn hang_up(&self, times: u32) {
        self.book.lock().unwrap().hang_ups = times;
    }

    /// Knows no recipient any more.
    pub fn refuse(&self) {
        self.book.lock().unwrap().refuses = true;
    }

    /// Every mail taken so far, those included to which nothing was said.
    pub fn mails(&self) -> Vec<String> {
        self.book.lock().unwrap().mails.clone()
    }
}

async fn serve(stream: TcpStream, book: Arc<Mutex<Book>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    say(&mut stream, "220 relay ESMTP").await?;
    loop {
        let line = read_line(&mut stream).await?;
        match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" => say(&mut stream, "250-relay\r\n250-8BITMIME\r\n250 SIZE 10000000").await?,
            "DATA" => {
                say(&mut stream, "354 go on").await?;
                let mail = read_mail(&mut stream).await?;
                let hangs_up = {
                    let mut book = book.lock().unwrap();
                    book.mails.push(mail);
                    let hangs_up = book.hang_ups > 0;
                    book.hang_ups = book.hang_ups.saturating_sub(1);
                    hangs_up
                };
                if hangs_up {
                    return None;
                }
                say(&mut stream, "250 2.0.0 taken").await?;
            }
            "RCPT" if book.lock().unwrap().refuses => {
                say(&mut stream, "550 5.1.1 unknown").await?;
            }
            "QUIT" => return say(&mut stream, "221 bye").await,
            _ => say(&mut stream, "250 2.0.0 ok").await?,
        }
    }
}

async fn read_mail(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut mail = String::new();
    loop {
        let line = read_line(stream).await?;
        if line == "." {
            return Some(mail);
        }
        mail.push_str(&line);
        mail.push('\n');
    }
}

async fn read_line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    Some(line.trim_end_matches(['\r', '\n']).to_owned())
}

async fn say(stream: &mut BufReader<TcpStream>, text: &str) -> Option<()> {
    stream.write_all(format!("{text}\r\n").as_bytes()).await.ok()?;
    stream.flush().await.ok()
}
