/** Streams that end with who reads them. */
import type { CallOptions } from "@connectrpc/connect";

/**
 * What `read` returns. When it has returned or thrown, the signal that it was given ends the call: a stream that nobody
 * reads any more stays open otherwise, and keeps the process with it.
 */
export async function cancelled<T>(options: CallOptions, read: (options: CallOptions) => Promise<T>): Promise<T> {
  const own = new AbortController();
  const signal = options.signal === undefined ? own.signal : AbortSignal.any([options.signal, own.signal]);
  try {
    return await read({ ...options, signal });
  } finally {
    own.abort();
  }
}
