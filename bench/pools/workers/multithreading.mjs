export * from '../../tasks.mjs';
export { make as makeMoved, remake as remakeMoved } from '../../tasks.mjs';
