std = 'luajit'
globals = { 'vim' }
max_line_length = 120
files['tests'] = { std = '+busted' }
files['lua/lowtide/meta_options.lua'] = { max_line_length = false }
