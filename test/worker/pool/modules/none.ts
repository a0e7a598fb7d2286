export const tasks = 1
export const other = 2
