/** A Python class by its module and its name there. */
export interface PythonClass {
  readonly module: string
  readonly name: string
}

const IDENTIFIER = '[\\p{ID_Start}_][\\p{ID_Continue}]*'
const DOTTED = `${IDENTIFIER}(?:\\.${IDENTIFIER})*`
const PLAIN = new RegExp(`^(?:(${DOTTED})\\.)?(${IDENTIFIER})$`, 'u')
/** For a class inside of a class. */
const QUALIFIED = new RegExp(`^(${DOTTED}):(${DOTTED})$`, 'u')
const MAX_NAME_LENGTH = 255

/** They end the program that asks for a result. */
const ENDS_PROCESS: ReadonlySet<string> = new Set(['SystemExit', 'KeyboardInterrupt', 'GeneratorExit'])

/**
 * Read `ValueError`, a builtin, `shop.errors.OutOfStock` or `shop.errors:Order.Missing`; undefined for anything else.
 */
export function readPythonClass(text: unknown): PythonClass | undefined {
  if (typeof text !== 'string' || text.length > MAX_NAME_LENGTH) return undefined
  const [, module = 'builtins', name] = PLAIN.exec(text) ?? QUALIFIED.exec(text) ?? []
  if (name === undefined || (module === 'builtins' && ENDS_PROCESS.has(name))) return undefined
  return { module, name }
}

/** The text that `readPythonClass` reads as this class. */
export function pythonClassText({ module, name }: PythonClass): string {
  return `${module}${name.includes('.') ? ':' : '.'}${name}`
}
