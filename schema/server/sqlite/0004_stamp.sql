-- Who made a time-stamp token, by the name in the configuration, and the
-- certificates (DER, one after another) from its issuer to the root that was trusted.
ALTER TABLE tokens ADD COLUMN authority TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN chain BLOB NOT NULL DEFAULT x'';
