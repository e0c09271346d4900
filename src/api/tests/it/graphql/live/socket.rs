//! A client of graphql-transport-ws that says exactly what it is told to.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async_with_config};
use tokio_util::sync::CancellationToken;

use super::super::world::World;

/// How long anything may take that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// The world's API on a port of its own. Ends with the test.
pub async fn served(world: &World) -> String {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (router, config) = (world.api.router.clone(), world.api.state.config.clone());
    tokio::spawn(async move {
        waybill_api::serve(listener, None, router, &config, CancellationToken::new()).await
    });
    format!("ws://{at}/graphql/ws")
}

pub struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    /// Connects without saying who it is.
    pub async fn silent(
        url: &str,
        protocol: Option<&'static str>,
        key: Option<&str>,
    ) -> Result<Self, Error> {
        let mut request = url.into_client_request()?;
        if let Some(protocol) = protocol {
            let protocol = HeaderValue::from_static(protocol);
            request.headers_mut().insert("sec-websocket-protocol", protocol);
        }
        if let Some(key) = key {
            let key = HeaderValue::from_str(&format!("Bearer {key}")).unwrap();
            request.headers_mut().insert("authorization", key);
        }
        let config = WebSocketConfig::default().max_message_size(Some(1 << 26));
        Ok(Self(connect_async_with_config(request, Some(config), true).await?.0))
    }

    /// Connects and is known.
    pub async fn connect(url: &str, key: &str) -> Self {
        let mut client = Self::silent(url, Some("graphql-transport-ws"), None).await.unwrap();
        client.init(key).await;
        assert_eq!(client.hear().await, Ok(json!({ "type": "connection_ack" })));
        client
    }

    /// Connects, is known, and takes little at a time.
    pub async fn narrow(url: &str, key: &str) -> Self {
        let mut request = url.into_client_request().unwrap();
        let protocol = HeaderValue::from_static("graphql-transport-ws");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        let at = url.trim_start_matches("ws://").split('/').next().unwrap().parse().unwrap();
        let stream = MaybeTlsStream::Plain(socket.connect(at).await.unwrap());
        let mut client = Self(client_async(request, stream).await.unwrap().0);
        client.init(key).await;
        assert_eq!(client.hear().await, Ok(json!({ "type": "connection_ack" })));
        client
    }

    pub async fn init(&mut self, key: &str) {
        let payload = json!({ "Authorization": format!("Bearer {key}") });
        self.say(json!({ "type": "connection_init", "payload": payload })).await;
    }

    pub async fn say(&mut self, message: Value) {
        self.text(message.to_string()).await;
    }

    pub async fn text(&mut self, text: String) {
        self.0.send(Message::Text(text.into())).await.unwrap();
    }

    pub async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.say(json!({ "id": id, "type": "subscribe", "payload": payload })).await;
    }

    /// The next message, or the code the server closes with. Answers pings on the way.
    pub async fn hear(&mut self) -> Result<Value, u16> {
        loop {
            let message = timeout(PATIENCE, self.0.next()).await.unwrap();
            match message {
                Some(Ok(Message::Text(text))) => {
                    let said: Value = serde_json::from_str(&text).unwrap();
                    if said["type"] != "ping" {
                        return Ok(said);
                    }
                    self.say(json!({ "type": "pong" })).await;
                }
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map_or(0, |frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(0),
            }
        }
    }

    /// The data of the next message, which must be one of `id` without errors.
    pub async fn data(&mut self, id: &str) -> Value {
        let mut said = self.hear().await.unwrap();
        assert_eq!((&said["type"], &said["id"]), (&json!("next"), &json!(id)), "{said}");
        assert!(said["payload"].get("errors").is_none(), "{said}");
        said["payload"]["data"].take()
    }

    /// The error that ends `id`: its code and the position it names.
    pub async fn error(&mut self, id: &str) -> (String, Option<i64>) {
        let said = self.hear().await.unwrap();
        assert_eq!((&said["type"], &said["id"]), (&json!("error"), &json!(id)), "{said}");
        let told = &said["payload"][0]["extensions"];
        (told["code"].as_str().unwrap().to_owned(), told["position"].as_i64())
    }
}
