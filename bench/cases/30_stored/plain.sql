-- not compared: counts bytes, not events
SELECT sum(length(bytes)) FROM journey_bytes;
