/** Schemes of PostgreSQL's URLs. */
export const POSTGRES_SCHEMES: readonly string[] = ['postgres', 'postgresql']
