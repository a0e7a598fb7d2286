/** Somebody who may log in. A class, as an ORM would have it: it cannot be sent, its data can. */
export class User {
  readonly name: string
  readonly email: string

  constructor(name: string, email: string) {
    this.name = name
    this.email = email
  }
}

const USERS = [new User('ada', 'ada@lovelace.example'), new User('grace', 'grace@hopper.example')]

export const NAMES: readonly string[] = USERS.map((user) => user.name)

/** Undefined where there is nobody of this name. */
export function findUser(name: unknown): User | undefined {
  return USERS.find((user) => user.name === name)
}
