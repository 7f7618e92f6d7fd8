// Times as every page writes them: by this machine's zone, which is the one that the
// server's pages are in too, with the offset beside it.

const two = (n) => String(Math.floor(Math.abs(n))).padStart(2, '0');

/** moment writes milliseconds since 1970 as 2026-11-24 13:04:31 +08:00. */
export function moment(ms) {
  const d = new Date(ms);
  const off = -d.getTimezoneOffset();
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())} ${off < 0 ? '−' : '+'}${two(off / 60)}:${two(Math.abs(off) % 60)}`;
}
