import type { Queue } from '../../../broker/broker.ts'
import type { Step } from '../connection/pipeline.ts'
import { RowsStatement } from '../connection/rows.ts'

const BIND = new RowsStatement(
  'bind',
  { exchange: 'text', queue: 'text', pattern: 'text', consumer: 'int' },
  ` INSERT INTO celeriac.binding (exchange, queue, pattern, consumer)
  SELECT exchange, queue, pattern, consumer FROM given
  ON CONFLICT (exchange, queue) DO UPDATE SET pattern = excluded.pattern, consumer = excluded.consumer
  WHERE (binding.pattern, binding.consumer) IS DISTINCT FROM (excluded.pattern, excluded.consumer)`,
)

/** The step that binds queues to their exchanges; `consumer`: with which transient queues end. */
export function bindStep(queues: readonly Queue[], consumer: number | null): Step {
  const rows = BIND.rows()
  for (const { name, bindings = [], transient } of queues) {
    const owner = transient ? consumer : null
    // The binding to '' delivers nothing: it records the owner of the transient queue.
    if (transient) rows.add('', name, null, owner)
    for (const { exchange, kind, routingKey = '' } of bindings)
      rows.add(exchange, name, kind === 'fanout' ? null : patternOf(routingKey), owner)
  }
  return BIND.step(rows)
}

/**
 * The regular expression for a routing key with a dot after it, by AMQP's rules: `*` is one word, `#` any number of
 * words. PostgreSQL's matcher does not go back over the text, however the pattern is made.
 */
export function patternOf(routingKey: string): string {
  const words = routingKey.split('.').map((word) => {
    if (word === '#') return '(?:[^.]*\\.)*'
    return word === '*' ? '[^.]*\\.' : `${word.replace(/[^\w]/g, escaped)}\\.`
  })
  return `^${words.join('')}$`
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
