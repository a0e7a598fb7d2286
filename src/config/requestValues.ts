/** What an application adds to the context: plain JSON data by name. */
export type ContextValues = Readonly<Record<string, unknown>>
