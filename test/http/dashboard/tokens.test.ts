import { expect, test } from 'vitest'
import { newToken, parseTokens } from '../../../src/http/dashboard/tokens.ts'

const TOKEN = 'a-token-of-ann-12345'

test('a line for each token, with its id and role', () => {
  const text = `# who may look\n\n${TOKEN}  ann viewer\r\nb-token-of-bob-12345\tbob\tadmin # the boss\n`
  expect(parseTokens(text, 'file')).toEqual({
    [TOKEN]: { id: 'ann', scopes: ['viewer', 'metrics'] },
    'b-token-of-bob-12345': { id: 'bob', scopes: ['admin', 'metrics'] },
  })
  expect(parseTokens(`${newToken()} ann operator`, 'file')).toBeDefined()
})

test.for([
  ['', /file: expected lines/],
  ['# nothing', /file: expected lines/],
  [`${TOKEN} ann`, /file: line 1: expected a token, an id and a role/],
  [`${TOKEN} ann viewer admin`, /file: line 1: expected a token, an id and a role/],
  [`\nshort ann viewer`, /file: line 2: expected a token of at least 16/],
  [`${TOKEN} ann root`, /file: line 1: expected one of the roles viewer, operator, admin/],
  [`${TOKEN} ann viewer\n${TOKEN} bob admin`, /file: line 2: the token is that of a line before/],
] as const)('refused: %j', ([text, message]) => {
  expect(() => parseTokens(text, 'file')).toThrow(message)
  try {
    parseTokens(text, 'file')
  } catch (error) {
    expect(String(error)).not.toContain(TOKEN)
  }
})
