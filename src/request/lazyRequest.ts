import type { RequestConfig } from '../config/requestOptions.ts'
import { customHeader } from '../protocol/callHeaders.ts'
import { CONTEXT_HEADER, type RequestContext } from './requestContext.ts'
import { readContext } from './wire.ts'

/**
 * These facts of a task with the request in which it was called, from the task's headers: read at the first use, and
 * undefined where it cannot be read. The facts alone where there is none.
 */
export function withRequest<Facts extends object>(
  facts: Facts,
  headers: Readonly<Record<string, unknown>>,
  config: RequestConfig,
): Facts & { readonly request?: RequestContext | undefined } {
  const header = customHeader(headers, CONTEXT_HEADER)
  if (header === undefined || header === null) return facts
  let read: ReturnType<typeof readContext> | undefined
  return {
    ...facts,
    get request() {
      read ??= readContext(header, config)
      return 'carried' in read ? read.carried.view : undefined
    },
  }
}
