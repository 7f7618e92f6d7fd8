// A thumbnail that nobody has asked for before is made first, and the server says
// so without a picture: ask again for a while. Without this script the page has to
// be loaded again to show it.
const most = 10, pause = 700;

for (const img of document.querySelectorAll('figure img')) {
  const at = img.getAttribute('src');
  let tries = 0;
  const again = () => {
    if (++tries <= most) setTimeout(() => { img.src = `${at}?again=${tries}`; }, pause);
  };
  img.addEventListener('error', again);
  if (img.complete && img.naturalWidth === 0) again();
}
