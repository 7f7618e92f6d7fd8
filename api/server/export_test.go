package server

// StatusOf lets the tests hold the table of statuses against the description.
var StatusOf = statusOf
