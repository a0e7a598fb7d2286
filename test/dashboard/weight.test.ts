import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'

const MAX_BYTES = 120 * 1024
const built = new URL('../../dist/dashboard/', import.meta.url)

test('all that /dashboard loads has at most 120 KB with gzip', () => {
  const sizes = readdirSync(built)
    // What only /docs loads is not part of it.
    .filter((name) => /[.](?:js|css|html)$/.test(name) && !/^docs[-.]/.test(name))
    .map((name) => gzipSync(readFileSync(new URL(name, built)), { level: 9 }).length)
  expect(sizes.length).toBeGreaterThan(3)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(MAX_BYTES)
})

test('the licences of what is part of them go with them', () => {
  const text = readFileSync(new URL('LICENSES.txt', built), 'utf8')
  expect(text).toMatch(/^preact\n\n.*(?:MIT|Permission is hereby granted)/ms)
})
