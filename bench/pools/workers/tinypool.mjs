import Tinypool from 'tinypool';
import { make, remake } from '../../tasks.mjs';

export * from '../../tasks.mjs';
export const makeMoved = (length) => Tinypool.move(make(length));
export const remakeMoved = (bytes) => Tinypool.move(remake(bytes));
