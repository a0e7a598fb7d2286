/** From the worker, over the pipe of the lifeline, one a line as JSON: look at the main thread of the process. */
export type Look =
  | { readonly id: number; readonly what: 'stack'; readonly limit: number }
  | { readonly id: number; readonly what: 'profile'; readonly time: number }

/** The answer: absent where it executes nothing. */
export interface Seen {
  readonly id: number
  readonly stack?: readonly string[] | undefined
  /** JSON text. */
  readonly profile?: string | undefined
  readonly error?: string | undefined
}

/** Calls `read` with each line of the texts that are passed to the returned function. */
export function lineReader(read: (line: string) => void): (text: string) => void {
  let begun: string[] = []
  return (text) => {
    const [first = '', ...lines] = text.split('\n')
    begun.push(first)
    for (const line of lines) {
      read(begun.join(''))
      begun = [line]
    }
  }
}
