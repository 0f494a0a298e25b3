-- not compared: another question, of events that many journeys have
SET enable_seqscan = off;
SELECT count(*) FROM journeys WHERE journey ~ 'purchase login cart -[<= 10 s]-> purchase';
