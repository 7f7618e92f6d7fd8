// The scan field: a person types, a USB scanner types and presses Enter, or the
// browser reads a code with its camera, where it can.

import { el, t } from '../words.js';

/** How often the camera's picture is looked at, in milliseconds. */
const lookEvery = 150;

/** say puts a message under the field; bad makes it one that needs a look. */
export function say(form, text, bad = false) {
  const p = form.querySelector('[data-said]');
  p.textContent = text;
  p.classList.toggle('bad', bad);
}

/** onScan calls found with each label; without one the form goes to its address. */
export function onScan(form, found) {
  const input = form.querySelector('input[name=q]');
  if (found) {
    form.addEventListener('submit', (ev) => {
      ev.preventDefault();
      const label = input.value.trim();
      input.value = '';
      if (label) found(label);
      input.focus();
    });
  }
  const button = form.querySelector('[data-camera]');
  if (!navigator.mediaDevices?.getUserMedia) return;
  button.hidden = false;
  button.addEventListener('click', async () => {
    if (!('BarcodeDetector' in globalThis)) return say(form, t('lab.js.camera.none'), true);
    try {
      const label = await look();
      if (!label) return undefined;
      input.value = label;
      form.requestSubmit();
    } catch (cause) {
      say(form, t('lab.js.camera.denied', cause.message), true);
    }
    return undefined;
  });
}

/** look shows the camera's picture until a code is seen or the person closes it. */
export async function look() {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
  const video = el('video', { muted: true, playsinline: true });
  const close = el('button', { class: 'button', type: 'button' }, t('lab.js.camera.close'));
  const dialog = el('dialog', { class: 'camera', 'aria-label': t('lab.js.camera.title') }, el('h2', {}, t('lab.js.camera.title')), video, close);
  document.body.append(dialog);
  let open = true;
  close.addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => {
    open = false;
  });
  try {
    video.srcObject = stream;
    dialog.showModal();
    await video.play();
    const detector = new BarcodeDetector();
    while (open) {
      const [code] = await detector.detect(video);
      if (code?.rawValue) return code.rawValue.trim();
      await new Promise((resolve) => setTimeout(resolve, lookEvery));
    }
    return '';
  } finally {
    for (const track of stream.getTracks()) track.stop();
    dialog.close();
    dialog.remove();
  }
}
