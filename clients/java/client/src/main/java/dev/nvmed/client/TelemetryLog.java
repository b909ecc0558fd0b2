package dev.nvmed.client;

import dev.nvmed.v1.TelemetryHeader;
import dev.nvmed.v1.TelemetryTrailer;

/**
 * A log that was received completely.
 *
 * @param header that of the first stream
 * @param trailer that of the last
 * @param sha256 that of the whole log as it was received, in lower case hexadecimal
 * @param streams how many it took: more than one if the connection broke
 */
public record TelemetryLog(TelemetryHeader header, TelemetryTrailer trailer, String sha256, int streams) {}
