/** A layer around an action: does its part, calls `next` once, may change what goes in and what comes out. */
export type Middleware<Value, Result> = (value: Value, next: (value: Value) => Promise<Result>) => Promise<Result>

/** Layers around `core`, the first outermost. */
export function compose<Value, Result>(
  layers: readonly Middleware<Value, Result>[],
  core: (value: Value) => Promise<Result>,
): (value: Value) => Promise<Result> {
  return layers.reduceRight<(value: Value) => Promise<Result>>((next, layer) => (value) => layer(value, next), core)
}
