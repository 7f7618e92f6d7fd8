// A QR code read by the camera, where the browser can, is looked for like a text typed.
import { onScan } from '../lab/scan.js';

onScan(document.querySelector('form.find'));
