import type { MemberEnd, OnError } from '../protocol/onError.ts'
import type { SignatureData } from '../protocol/signature.ts'

/** What the types of a workflow say. No value has it. */
export interface WorkflowTypes<Result, Takes, Ready extends boolean, Handle> {
  readonly result: Result
  readonly takes: (value: Takes) => void
  readonly ready: Ready
  readonly handle: Handle
}

/** Any workflow, whatever it takes and results in. */
export interface AnyWorkflow {
  // biome-ignore lint/suspicious/noExplicitAny: a workflow of any types.
  readonly '~types'?: WorkflowTypes<any, never, boolean, any>
  toJSON(): SignatureData
}

/** What a step results in, as the next one gets it. */
export type StepResult<Step> = Step extends { readonly '~types'?: { readonly result: infer Result } } ? Result : never
/** What a step takes from the one before it; never, if it takes nothing. */
export type StepTakes<Step> = Step extends { readonly '~types'?: { readonly takes: (value: infer Takes) => void } }
  ? Takes
  : never
/** Whether a step can be called without an argument. */
export type StepReady<Step> = Step extends { readonly '~types'?: { readonly ready: infer Ready extends boolean } }
  ? Ready
  : never
/** The handle of a step's result. */
export type StepHandle<Step> = Step extends { readonly '~types'?: { readonly handle: infer Handle } } ? Handle : never

/** Members of a group: a list, or an object of them. */
export type GroupMembers = readonly AnyWorkflow[] | Readonly<Record<string, AnyWorkflow>>
/** The results of members, in the same form; the members of a group in the group are in its place. */
export type GroupResults<Members> = Members extends readonly unknown[]
  ? Joined<Members>
  : { -readonly [Key in keyof Members]: StepResult<Members[Key]> }
type Joined<Members extends readonly unknown[], List extends unknown[] = []> = Members extends readonly [
  infer Member,
  ...infer Rest,
]
  ? Joined<Rest, [...List, ...(IsGroup<Member> extends true ? ListIn<StepResult<Member>> : [StepResult<Member>])]>
  : number extends Members['length']
    ? (IsGroup<Members[number]> extends true ? ItemIn<StepResult<Members[number]>> : StepResult<Members[number]>)[]
    : List

/**
 * The results of members as the body of a chord gets them: one list, in which those of a member that ends with a group
 * are in its place. No tuple where the result of one may be missing.
 */
export type ResultList<Members> = Members extends readonly unknown[]
  ? true extends IsOptional<Members[number]>
    ? FlatItem<Members[number]>[]
    : Flat<Members>
  : FlatItem<Members[keyof Members]>[]
type Flat<Members extends readonly unknown[], List extends unknown[] = []> = Members extends readonly [
  infer Member,
  ...infer Rest,
]
  ? Flat<Rest, [...List, ...(EndsInGroup<Member> extends true ? ListIn<StepResult<Member>> : [StepResult<Member>])]>
  : number extends Members['length']
    ? FlatItem<Members[number]>[]
    : List
type FlatItem<Member> = Member extends unknown
  ? EndsInGroup<Member> extends true
    ? ItemIn<StepResult<Member>>
    : StepResult<Member>
  : never
type IsOptional<Member> = Member extends { readonly toJSON: unknown }
  ? '~optional' extends keyof Member
    ? true
    : false
  : false
type EndsInGroup<Member> = StepHandle<Member> extends { readonly members: readonly unknown[] } ? true : false
type IsGroup<Member> = Member extends { readonly '~group'?: true; readonly toJSON: unknown }
  ? '~group' extends keyof Member
    ? true
    : false
  : false
type ListIn<Result> = Result extends readonly unknown[] ? Result : never
type ItemIn<Result> = Result extends readonly (infer Item)[] ? Item : never

/** What the body gets of a header whose results are `List`. */
export type BodyList<List, Policy extends OnError> = Policy extends 'collect'
  ? { [Key in keyof List]: EndOf<List[Key]> }
  : Policy extends 'ignore'
    ? (List extends readonly (infer Item)[] ? Item : never)[]
    : List

/** The end of a member; that of one whose own `onError` is `'collect'` is one already. */
type EndOf<Value> = 0 extends 1 & Value
  ? MemberEnd<Value>
  : [Value] extends [MemberEnd<unknown>]
    ? Value
    : MemberEnd<Value>
