import type { Message, Settlement } from '../backend/joint.ts'
import { encodeException } from '../protocol/exception.ts'
import { encodeTask, pythonIso } from '../protocol/message.ts'
import type { ErrorInfo, Outcome } from '../protocol/outcome.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { CONTENT_TYPES } from '../protocol/serializer.ts'
import { FAILURE, RETRY, REVOKED, SUCCESS } from '../protocol/states.ts'
import type { Request } from './request.ts'

/** How an outcome is written down: the record, what is sent anew, and what becomes of the message. Pure. */
export function settlementOf(request: Request, outcome: Outcome): Settlement {
  return { ...ending(request, outcome), reply: request.reply }
}

function ending(request: Request, outcome: Outcome): Settlement {
  const { delivery, message } = request
  const keep = (meta: TaskMeta): TaskMeta | undefined => (message.ignoreResult ? undefined : meta)
  switch (outcome.kind) {
    case 'success':
      return { delivery, meta: keep(request.meta(SUCCESS, outcome.result ?? null, null, true)), end: 'ack' }
    case 'failure':
      return { delivery, meta: keep(failure(request, outcome.error)), end: 'ack' }
    case 'retry': {
      const meta = request.meta(RETRY, encodeException(outcome.error), outcome.error.traceback ?? null)
      return {
        delivery,
        meta: keep({ ...meta, retries: message.retries + 1 }),
        publish: [again(request, outcome.delay)],
        end: 'ack',
      }
    }
    case 'reject':
      if (outcome.requeue && !request.acked) return { delivery, end: 'requeue' }
      return {
        delivery,
        meta: keep(failure(request, { type: 'Reject', message: outcome.reason, module: 'celery.exceptions' })),
        end: 'drop',
      }
    case 'ignore':
      return { delivery, end: 'ack' }
    case 'stopped':
      return stopped(request, outcome, keep)
  }
}

function stopped(
  request: Request,
  outcome: Outcome & { kind: 'stopped' },
  keep: (meta: TaskMeta) => TaskMeta | undefined,
): Settlement {
  const { delivery } = request
  // What was acknowledged early cannot be given back: it is lost, but not without trace.
  if (outcome.by === 'shutdown' && !request.acked) return { delivery, end: 'requeue' }
  if (outcome.by !== 'revoke') return { delivery, meta: keep(failure(request, outcome.error)), end: 'ack' }
  const reason = outcome.terminated ? 'terminated' : 'revoked'
  const error = encodeException({ type: 'TaskRevokedError', message: reason, module: 'celery.exceptions' })
  return { delivery, meta: keep(request.meta(REVOKED, error, null, true)), end: 'ack' }
}

function failure(request: Request, error: ErrorInfo): TaskMeta {
  return request.meta(FAILURE, encodeException(error), error.traceback ?? null, true)
}

/** The same message with one retry more, not before `delay` ms from now, to the queue that it came from. */
function again({ message, delivery }: Request, delay: number): Message {
  const notBefore = Date.now() + delay
  const { contentType } = delivery.envelope.properties
  const next = { ...message, retries: message.retries + 1, eta: pythonIso(new Date(notBefore)) }
  const envelope = encodeTask(next, contentType === CONTENT_TYPES.msgpack ? 'msgpack' : 'json')
  return { envelope, route: { exchange: '', routingKey: delivery.queue }, notBefore }
}
