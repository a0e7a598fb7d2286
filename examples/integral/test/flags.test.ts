import { describe, expect, it } from 'vitest'
import { parseFlags } from '../flags.ts'

describe('parseFlags', () => {
  it('has a default for each', () => {
    expect(parseFlags([])).toMatchObject({ port: 5000, host: '127.0.0.1', pool: 'threads', help: false })
    expect(parseFlags([]).broker).toBeUndefined()
  })

  it('takes the store by two names', () => {
    for (const flag of ['--store', '--broker']) expect(parseFlags([flag, 'sqlite:x.db']).broker).toBe('sqlite:x.db')
  })

  it('takes the stores from the environment where no flag says them', () => {
    const env = { BROKER_URL: 'redis://a', RESULT_BACKEND: 'rpc://' }
    expect(parseFlags([], env)).toMatchObject({ broker: 'redis://a', backend: 'rpc://' })
    expect(parseFlags(['--broker', 'sqlite:x.db'], env).broker).toBe('sqlite:x.db')
    expect(parseFlags([], { BROKER_URL: '', RESULT_BACKEND: '' }).broker).toBeUndefined()
  })

  it.each([
    [['--prot', '80'], /'--prot'/],
    [['now'], /'now'/],
    [['--port'], /--port/],
    [['--port', 'x'], /--port: expected a whole number from 0 to 65535, got "x"/],
    [['--port', '65536'], /got "65536"/],
    [['--concurrency', '0'], /--concurrency: expected a whole number from 1/],
    [['--pool', 'forks'], /--pool: expected threads, inline, solo, got "forks"/],
    [['--store', 'a', '--broker', 'b'], /the same/],
  ])('refuses %j', (flags, message) => {
    expect(() => parseFlags(flags)).toThrow(message)
  })
})
