// The reader's time zone, for the times that the server writes into pages.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) document.cookie = `fieldseal_zone=${zone}; path=/desk; max-age=31536000; samesite=strict${location.protocol === 'https:' ? '; secure' : ''}`;
