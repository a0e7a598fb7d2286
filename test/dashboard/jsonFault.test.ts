import { expect, test } from 'vitest'
import { jsonFault } from '../../src/dashboard/parts/ask/jsonFault.ts'

test.each([
  ['', 'line 1, column 1: expected a value, got the end'],
  ['{"a": 1,\n  b: 2}', 'line 2, column 3: expected a name in double quotes, got b: 2}'],
  ['{"a" 1}', 'line 1, column 6: expected a colon, got 1}'],
  ['[1 2]', 'line 1, column 4: expected a comma or ], got 2]'],
  ['{"a": [1, 2}', 'line 1, column 12: expected a comma or ], got }'],
  ['[1}', 'line 1, column 3: expected a comma or ], got }'],
  ['1 2', 'line 1, column 3: expected the end of the text, got 2'],
  ['[1,]', 'line 1, column 4: expected a value, got ]'],
  ['{"a": 1,}', 'line 1, column 9: expected a name in double quotes, got }'],
  ['{', 'line 1, column 2: expected a name in double quotes or }, got the end'],
  ['[01]', 'line 1, column 3: expected a comma or ], got 1]'],
  ['["a\nb"]', 'line 1, column 4: expected the end of the text in quotes, or \\n for a line break, got a line break'],
  ['"a', 'line 1, column 3: expected a closing double quote, got the end'],
  ['"\\x"', 'line 1, column 2: expected one of \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX, got \\x"'],
  ['{} {}', 'line 1, column 4: expected the end of the text, got {}'],
  [`${'['.repeat(100_000)}`, 'line 1, column 100001: expected a value or ], got the end'],
])('%j is no JSON', (text, words) => {
  const { line, column, expected, got } = jsonFault(text) ?? { line: 0, column: 0, expected: '', got: '' }
  expect(`line ${line}, column ${column}: expected ${expected}, got ${got}`).toBe(words)
})

test('what JSON.parse reads has no fault, and what it refuses has one', () => {
  const parts = ['{', '}', '[', ']', ',', ':', '"a"', '1', '-', '0', '.5', 'e3', 'true', 'nul', '"', '\\', '\n', ' ']
  let seed = 20_261_130
  for (let round = 0; round < 5000; round++) {
    let text = ''
    for (let length = 1 + (round % 7); length > 0; length--) {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
      text += parts[(seed >> 8) % parts.length]
    }
    let isJson = true
    try {
      JSON.parse(text)
    } catch {
      isJson = false
    }
    expect(jsonFault(text) === undefined, JSON.stringify(text)).toBe(isJson)
  }
})
