-- 0023_message_fillfactor: a message's end finds room beside its beginning.
-- Nearly every row is updated once, when it was sent, together with its neighbours in the page: with room for 15 % of them only, the
-- others moved to another page, with an entry in each of the five indexes.
ALTER TABLE mailproxy.message SET (fillfactor = 50);
