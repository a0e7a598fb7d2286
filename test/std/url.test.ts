import { expect, test } from 'vitest'
import { redactUrl } from '../../src/std/url.ts'

test.each([
  ['redis://:s3cret@host:6379/0', 'redis://:**@host:6379/0'],
  ['amqp://admin:my:p@ss/word@rabbit//', 'amqp://admin:**@rabbit//'],
  ['amqp://admin@rabbit//', 'amqp://admin@rabbit//'],
  ['redis://host:6379/0', 'redis://host:6379/0'],
  ['rediss://host/0?password=s3cret&db=1', 'rediss://host/0?password=**&db=1'],
  ['postgres://host/db?user=a&Token=b#c', 'postgres://host/db?user=a&Token=**#c'],
  ['sentinel://:a@one:1;sentinel://:b@two:2', 'sentinel://:**@one:1;sentinel://:**@two:2'],
  ['sqlite:.celeriac/celeriac.db', 'sqlite:.celeriac/celeriac.db'],
  ['sqlite:///tmp/a:b@c.db', 'sqlite:///tmp/a:b@c.db'],
  ['sentinel://a?sentinel_password=s3cret', 'sentinel://a?sentinel_password=**'],
  ['memory:', 'memory:'],
  ['', ''],
])('%s', (url, expected) => expect(redactUrl(url)).toBe(expected))
