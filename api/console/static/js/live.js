// What arrives, as the server tells it (server-sent events). The browser connects
// again by itself and loses nothing; where the session or the right has ended it stops.

/**
 * listen calls fn with each arrival {index, type, code, case, id, received_us}, at
 * most once in a while with the whole list; state tells "on", "off" and "end".
 */
export function listen(url, fn, state = () => {}, pause = 250) {
  const source = new EventSource(url);
  let list = [];
  let timer = 0;
  const flush = () => {
    timer = 0;
    const now = list;
    list = [];
    fn(now);
  };
  source.addEventListener('open', () => state('on'));
  source.addEventListener('arrived', (e) => {
    list.push(JSON.parse(e.data));
    timer ||= setTimeout(flush, pause);
  });
  source.addEventListener('end', () => { source.close(); state('end'); });
  source.addEventListener('error', () => state(source.readyState === EventSource.CLOSED ? 'end' : 'off'));
  addEventListener('pagehide', () => source.close());
  return source;
}
