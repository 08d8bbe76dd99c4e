# Every string of the window, in English. Values stand in braces.

# Things to do: the name, and one plain sentence.
do-develop = Develop
do-develop-tip = Make the picture
do-stop = Stop
do-stop-tip = Stop here and keep what has developed
do-pause = Pause
do-pause-tip = Pause after this step, or resume
do-palette = All commands
do-palette-tip = Find any command by name
do-settings = Settings
do-settings-tip = Theme, language and where things are kept
do-open-model = Open model…
do-open-model-tip = Open a Stable Diffusion v1 model: .safetensors, .ckpt or a diffusers folder
do-open-picture = Open picture…
do-open-picture-tip = Use the settings stored in a picture
do-save-as = Save as…
do-save-as-tip = Save a copy as PNG, JPEG or WebP
do-copy = Copy picture
do-copy-tip = Copy the picture to the clipboard
do-reveal = Show in folder
do-reveal-tip = Show in folder
do-use-settings = Reuse settings
do-use-settings-tip = Reuse this picture's settings
do-compare = Compare
do-compare-tip = Lay two pictures over each other and wipe between them
do-delete = Delete
do-delete-tip = Move the picture to the trash
do-undo-delete = Undo delete
do-undo-delete-tip = Restore the last deleted picture
do-surprise = Surprise me
do-surprise-tip = Fill in something the model knows
do-new-seed = New seed
do-new-seed-tip = A new seed gives a different picture of the same words
do-lock-seed = Lock seed
do-lock-seed-tip = Use this seed for every picture
do-gallery = Gallery
do-gallery-tip = Show or hide the gallery
do-controls = Controls
do-controls-tip = Show or hide the controls
do-more = Advanced
do-more-tip = Sampler, added noise, timesteps and previews
do-negative = Negative prompt
do-negative-tip = Describe what the picture should not show
do-play = Play
do-play-tip = Watch it develop again
do-export-gif = Export as GIF…
do-export-gif-tip = Save the development as a GIF, which plays anywhere
do-export-apng = Export as APNG…
do-export-apng-tip = Save the development as an animated PNG in full color
do-decode-step = Decode in full
do-decode-step-tip = Decode this step with the full decoder
do-previous-step = Previous step
do-previous-step-tip = Go back one step
do-next-step = Next step
do-next-step-tip = Go forward one step
do-zoom-fit = Fit to window
do-zoom-fit-tip = Show the whole picture
do-zoom-in = Zoom in
do-zoom-in-tip = Enlarge the picture
do-zoom-out = Zoom out
do-zoom-out-tip = Reduce the picture
do-focus-prompt = Edit prompt
do-focus-prompt-tip = Move the cursor to the prompt
do-focus-search = Search pictures
do-focus-search-tip = Move the cursor to the search field
do-open-folder = Open pictures folder
do-open-folder-tip = Open the folder where pictures are saved
do-restart = Restart
do-restart-tip = Restart the image engine
do-quit = Quit
do-quit-tip = Close Safelight; you'll be asked about unfinished work

# The prompt.
prompt = Prompt
prompt-hint = Describe your picture
negative-prompt = Negative prompt
negative-hint = Describe what it should not show
add-to-queue = Add to queue
add-to-queue-tip = Make this picture after the waiting ones
resume = Resume
tokens = { $used } of { $max } tokens
tokens-tip = How much of the model's limit your words use
tokens-dropped = Struck-out words exceed the limit and are ignored
unknown-words = This model doesn't know { $words }
knows-only = This model knows { $n } things, such as { $examples }

# The controls.
guidance = Guidance
guidance-tip = How closely the picture follows the words
acts-from-next-step = Applies from the next step
steps = Steps
steps-tip = More steps take longer and bring out more detail
steps-exact = Runs exactly { $n } · reference rule: { $reference }
steps-reference = Runs { $reference } steps by the reference rule
steps-run-tip = The reference takes every so many timesteps, so for some counts it runs more steps than you ask for. Advanced lets you choose.
seed = Seed
seed-tip = The same seed and settings make the same picture again
size = Size
size-tip = Width and height in pixels
free-size = Custom size
width = Width
height = Height
pictures = Pictures
pictures-tip = How many to make, each with the next seed
more-pictures = One more
fewer-pictures = One fewer
sampler = Sampler
sampler-tip = The rule by which each step removes noise
eta = Added noise (η)
eta-tip = How much new noise each step adds; 0 adds none
temperature = Noise scale
temperature-tip = Scales the added noise; 1 is standard
spacing = Timesteps
spacing-tip = How the steps are spread over the schedule
spacing-exact = Exact
spacing-uniform = Reference
spacing-quad = More at the end
preview = Previews
preview-tip = How each step is shown while the picture develops
preview-auto = Auto
preview-full = Full
preview-tiny = Tiny
preview-fast = Fast
preview-off = Off
preview-of = { $mode } preview
rng = Random numbers
rng-tip = Which generator a seed stands for: torch's on a CPU, or CUDA's
device = Device
device-tip = Where the model runs; click to change it
device-named = Device: { $name }
device-auto = Automatic
device-later = Takes effect after this picture
threads = Threads
precision = Precision
memory = Memory: { $size }
memory-tip = Memory that Safelight uses now
queue = Queue
waiting = { $n } waiting
move-job = Move “{ $prompt }”
move-job-tip = Drag to reorder
remove-job = Remove “{ $prompt }”
remove-job-tip = Remove from the queue
seed-and-steps = seed { $seed } · { $steps } steps

# The model.
model-named = Model: { $name }
opening-model = Opening model
loading = { $part } · { $percent } %
no-model = No model
starting = Starting
open-failed = Couldn't be opened
built-in = built in
starter = Starter
starter-note = Small, built in
engine-stopped = Stopped
engine-gone = The image engine has stopped. Restart it to continue.

# The gallery.
search = Search prompts
today = Today
yesterday = Yesterday
days-ago = { $n } days ago
developing-named = Developing: { $prompt }
gallery-empty = Finished pictures are kept here, with everything needed to make them again
gallery-reading = Loading your pictures
nothing-found = No prompt matches
no-pictures = No pictures yet
n-pictures = { $n ->
    [one] { $n } picture
   *[other] { $n } pictures
}

# The tray.
welcome = Say what you want to see
welcome-starter = Then watch it develop. The starter model is small and knows { $n } things; to make anything else, drop a Stable Diffusion model here.
welcome-examples = Then watch it develop, or begin with one of these. The starter model is small and knows { $n } things; to make anything else, drop a Stable Diffusion model here.
example = Develop “{ $prompt }”
welcome-model = Then watch it develop. To use another Stable Diffusion model, drop its file here.
wipe = Wipe
end-compare = End comparison
compared = { $prompt }, guidance { $guidance }
step-of = Step { $step } of { $steps }
step-at = Step { $step } of { $steps }, t = { $t }
step-and-t = Step { $step } · t = { $t }
pausing = Pausing after step { $step } of { $steps }
paused-at = Paused after step { $step } of { $steps }
stopping = Stopping
stopped-after = Stopped after { $step } of { $steps } steps
failed-after = Failed after { $step } of { $steps } steps
not-saved = Not saved
waiting-for-model = Waiting for the model
beginning = Starting
predicted = Prediction at this step
predicted-in-full = Prediction at this step, decoded in full
summary = { $steps } steps · guidance { $guidance } · seed { $seed }
pace = { $step } a step · { $left }
seconds = { $n } s
seconds-left = { $n } s left
minutes-left = { $n } min left
hours-left = { $n } h left
file-saved = { $file }, saved
saving = Saving
steps-in = { $steps } steps in { $time }
previews-off = Previews are off
previews-full = Every step decoded in full, { $percent } % of the time
previews-mode = { $mode } previews (approximate)
decoding = Decoding
save-step = Save this step…
back-to-latest = Back to latest
drop-picture = Drop to use this picture's settings
drop-model = Drop to open this model
drop-other = Drop a picture or a model file

# The filmstrip.
filmstrip = Filmstrip
export = Export development
export-tip = Save the development as an animation
progress = Progress

# The palette, the settings, closing.
palette-hint = Search commands
palette-nothing = No command matches
settings = Settings
close = Close
theme = Theme
theme-system = System
theme-dark = Dark
theme-light = Light
language = Language
reduce-motion = Reduce motion
pictures-folder = Pictures folder
show = Show
places = Also kept on this computer
place-settings = Settings and prompts
place-cache = Cache
place-data = Preview models (TAESD)
show-place = Show: { $what }
choose = Choose…
close-title = A picture is developing
close-running = Closing stops it. What has developed won't be saved.
close-waiting = { $n ->
    [one] Closing stops it and discards { $n } queued picture.
   *[other] Closing stops it and discards { $n } queued pictures.
}
keep-working = Keep working
close-anyway = Close anyway

# Cards.
dismiss = Dismiss
show-details = Show details
hide-details = Hide details
saved-as = Saved { $what }
deleted = Deleted { $what }
copied = Picture copied
settings-from = Using the settings of { $what }
settings-from-other = Using the settings of { $what }. It was made with { $sampler }; DDIM is used instead.
no-settings-in = { $what } has no settings that Safelight can read.
pasted-bare = The pasted picture has no settings. Drop its file here instead.
nothing-to-compare = There is no other picture to compare with yet.
announce-started = Developing
announce-finished = Picture finished
announce-stopped = Stopped
announce-opened = { $what } is open

# What failed.
desktop-behind = Too many files are waiting to be read or written. Try again in a moment.
desktop-gone = Safelight can no longer read or write files. Close it and start it again.
no-dialog-open = No file dialog is available. Drop the file here or paste its path.
no-dialog-save = No file dialog is available. Saved in { $what } instead.
no-dialog-folder = No file dialog is available. Pictures are saved in { $what }.
engine-no-thread = The image engine couldn't start. Close other programs, then restart it.
filter-models = Models
filter-pictures = Pictures
