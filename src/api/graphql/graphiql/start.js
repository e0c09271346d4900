// Starts GraphiQL against this installation. The key is typed into the headers below the query and kept nowhere.
const live = new URL('/graphql/ws', window.location.href);
live.protocol = live.protocol.replace('http', 'ws');

const fetcher = GraphiQL.createFetcher({ url: '/graphql', subscriptionUrl: live.href });

const defaultQuery = `# Put your API key into "Headers" below,
# then fetch the schema anew (bottom left).
query Timeline {
  deliveries(first: 3, filter: { outcome: dead_lettered }) {
    totalCount
    edges {
      node {
        id report version recipient channel state outcome attempts
        timeline { position recordedAt type actor summary }
      }
    }
  }
}
`;

ReactDOM.createRoot(document.getElementById('graphiql')).render(
  React.createElement(GraphiQL, {
    fetcher,
    defaultQuery,
    defaultHeaders: '{ "Authorization": "Bearer wb_" }',
    defaultEditorToolsVisibility: 'headers',
    isHeadersEditorEnabled: true,
    shouldPersistHeaders: false,
  }),
);
