import { Glob } from '../std/glob.ts'

const WILDCARD = /(?:^|\.)[*#](?:\.|$)/

/** A pattern of a topic exchange: some of its words stand for others. */
export function isTopicPattern(key: string): boolean {
  return WILDCARD.test(key)
}

/** True where a routing key fits a pattern by AMQP's rules: `*` is one word, `#` any number of words. */
export function fitsTopic(pattern: string, routingKey: string): boolean {
  if (pattern === routingKey) return true
  if (!isTopicPattern(pattern)) return false
  const steps = pattern.split('.').map((word) => {
    if (word === '#') return 'any'
    return word === '*' ? () => true : (other: string) => other === word
  })
  return new Glob(steps).matches(routingKey.split('.'))
}
