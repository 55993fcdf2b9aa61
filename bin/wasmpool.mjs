#!/usr/bin/env node
import { main } from '../js/cli/cli.js';

process.exit(await main(process.argv.slice(2)));
